// Package fill keeps each replica's store in line with what the cluster names.
//
// A Filler brings a module that is asked for and missing: from another replica if
// one has it, else from the source of whoever names it, by its immutable
// reference. It is verified by its hash on the way. A module that came from another
// replica is there to be served, and gives no request of a source the right to use
// it: see package fetch.
//
// An Evictor removes modules that neither an AutoWasm's status nor an EnvoyFilter
// of ours has named for longer than the store's retention.
//
// Both look names up in the manager's cache, through the field index that
// IndexModules adds.
package fill
