// Package duckdb is the log store inside the process: DuckDB by its Go driver,
// under the build tag duckdb (cgo, a C++ library). Without the tag the package
// is empty.
//
// A log type's records of an hour are a part. While its hour lasts a part is a
// table; Maintain seals it afterwards, or when it has grown large, to a Parquet
// file, newest record first and compressed with zstd, that any engine can read.
// Beside each sealed part stand a bloom filter of addresses, names and sessions,
// and its counts by the minute.
//
// What must not be lost or doubled is in one transaction: the rows of a batch
// and the place on the bus that they came from. A part is sealed by writing the
// file under another name, forcing it to the disk, giving it its name, and then
// one transaction that says so; Open removes what a death in between has left.
package duckdb
