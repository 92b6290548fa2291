//go:build duckdb

package duckdb

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
)

// A bloom filter says which values a sealed part can't have. It is a file of
// blocks of 64 bytes; a value sets bloomProbes bits in one block, so that a
// question reads one block: nothing is held in memory.
const (
	bloomBlock  = 64
	bloomProbes = 8
	bloomBits   = 12 // for each value; about 1 % false positives
)

// needleColumns are the columns whose values are in the filter. Both ends'
// addresses are one kind: who looks for an address mostly means either.
func needleColumns() map[string]string {
	return map[string]string{
		"addr.src": "a", "addr.dst": "a", "hostname": "h", "community_id": "c", "sessionid": "s", "dns_query": "q", "filedigest": "f", "pcap_id": "p",
	}
}

type bloom struct{ bits []byte }

func newBloom(values uint64) *bloom {
	blocks := values*bloomBits/(8*bloomBlock) + 1
	return &bloom{make([]byte, blocks*bloomBlock)}
}

func bloomHash(kind, key string) uint64 { return xxhash.Sum64String(kind + key) }

// probe calls f for the bits of a value within its block.
func probe(h uint64, f func(at uint32) bool) bool {
	// The low half chose the block; steps of an odd number visit different bits.
	a, b := uint32(h>>32), uint32(h>>41)|1
	for range bloomProbes {
		if !f(a % (8 * bloomBlock)) {
			return false
		}
		a += b
	}
	return true
}

func blockOf(h uint64, size int64) int64 {
	return int64(h&0xffffffff) % (size / bloomBlock) * bloomBlock
}

func (b *bloom) add(h uint64) {
	at := blockOf(h, int64(len(b.bits)))
	probe(h, func(i uint32) bool { b.bits[at+int64(i/8)] |= 1 << (i % 8); return true })
}

// mayHave reports whether the part of a bloom file may have records that match
// the needles; a file that can't be read excludes nothing.
func mayHave(path string, needles [][]filter.Needle) bool {
	kinds := needleColumns()
	needles = slices.DeleteFunc(slices.Clone(needles), func(list []filter.Needle) bool {
		return slices.ContainsFunc(list, func(n filter.Needle) bool { return kinds[n.Field] == "" })
	})
	if len(needles) == 0 {
		return true
	}
	f, err := os.Open(path)
	if err != nil {
		return true
	}
	defer f.Close() // read only
	st, err := f.Stat()
	if err != nil || st.Size() < bloomBlock || st.Size()%bloomBlock != 0 {
		return true
	}
	for _, list := range needles {
		if !slices.ContainsFunc(list, func(n filter.Needle) bool { return hasKey(f, st.Size(), bloomHash(kinds[n.Field], n.Key)) }) {
			return false
		}
	}
	return true
}

func hasKey(f *os.File, size int64, h uint64) bool {
	var block [bloomBlock]byte
	if _, err := f.ReadAt(block[:], blockOf(h, size)); err != nil {
		return true
	}
	return probe(h, func(i uint32) bool { return block[i/8]&(1<<(i%8)) != 0 })
}

// buildBloom reads the distinct values of a part.
func (s *Store) buildBloom(ctx context.Context, p *part, source string) (*bloom, error) {
	var hashes []uint64
	kinds := needleColumns()
	for _, f := range record.Columns(p.log) {
		kind := kinds[f.Name]
		if kind == "" {
			continue
		}
		col := `"` + f.Column() + `"`
		expr, empty := "lower("+col+")", "''"
		switch f.Kind {
		case record.KindAddr:
			expr, empty = col, "''::BLOB"
		case record.KindNumber:
			expr, empty = col, "0"
		}
		err := s.each(ctx, fmt.Sprintf("SELECT DISTINCT %s FROM %s WHERE %s <> %s", expr, source, col, empty), func(v any) {
			switch v := v.(type) {
			case []byte:
				hashes = append(hashes, bloomHash(kind, string(v)))
			case string:
				hashes = append(hashes, bloomHash(kind, v))
			default:
				hashes = append(hashes, bloomHash(kind, fmt.Sprint(v)))
			}
		})
		if err != nil {
			return nil, err
		}
	}
	b := newBloom(uint64(len(hashes)))
	for _, h := range hashes {
		b.add(h)
	}
	return b, nil
}

// each calls f for the only column of a query's rows.
func (s *Store) each(ctx context.Context, q string, f func(any)) error {
	rows, err := s.db.QueryContext(ctx, q)
	if err != nil {
		return err
	}
	defer rows.Close()
	var v any
	for rows.Next() {
		if err := rows.Scan(&v); err != nil {
			return err
		}
		f(v)
	}
	return rows.Err()
}
