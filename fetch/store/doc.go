// Package store keeps modules on one replica's disk, each in a file named by the
// sha256 of its bytes.
//
// # On disk
//
//	<dir>/sha256/<hex>       the module
//	<dir>/sha256/<hex>.json  its record: size, ABI, when it came, which sources gave it
//	<dir>/tmp/               what is being written; emptied by Open
//
// A module is streamed into tmp, hashed and capped on the way, inspected, synced
// and only then renamed to its name: a name in sha256/ is a complete module. The
// record is written first, so a module without one was put there by hand, or its
// record did not survive a crash; Open then hashes and inspects the file itself.
//
// # Trust after a restart
//
// Open reads records and sizes, not modules: hashing a large store would hold up
// the start. The first OpenFile of a module that this process did not write
// hashes it once and removes it if it is damaged. Until then Lookup vouches for a
// module by its record alone; the module server asks for a missing module anew,
// so that damage costs a fetch and is never served.
//
// # Memory and time
//
// Lookup, Use and Recall answer from memory and take a lock that nobody holds
// across I/O. A module is never held in memory, whatever its size. One directory
// belongs to one process.
package store
