// SPDX-License-Identifier: Apache-2.0

// Package store keeps modules on one replica's disk, each in a file named by the sha256 of its bytes.
//
// # On disk
//
//	<dir>/sha256/<hex>       the module
//	<dir>/sha256/<hex>.json  its record: size, ABI, time of the fetch, sources
//	<dir>/tmp/               files that are being written; emptied by Open
//
// Put streams a module into tmp, hashing and capping it on the way, inspects it, syncs it, and only then renames it: a
// name in sha256/ is a complete module. The record is written first and is not synced. Of a module without one, Open
// hashes and inspects the file and writes the record.
//
// # Verification after a restart
//
// Open reads records and file sizes, not modules: hashing a large store would delay the start. The first OpenFile of a
// module that this process did not write hashes it, and removes it if it is damaged; until then Lookup relies on the
// record alone. Damage costs a fetch and is never served.
//
// # Retention and capacity
//
// Evict removes what nothing references: after Options.Retention, sooner if the store exceeds Options.MaxTotalBytes or
// the disk was full.
//
// # Memory and time
//
// Lookup, Use and LookupSource answer from memory and take a lock that is never held across I/O. A module is never
// held in memory, whatever its size. One directory belongs to one process.
package store
