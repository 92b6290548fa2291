package store

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
)

// maxSeries bounds the series of a histogram, "other" not counted.
const maxSeries = 16

// Other is the value of the series in which a histogram puts what is too rare
// for one of its own.
const Other = "other"

// Buckets cuts a span into buckets of step, the first at a whole multiple of it
// since 1970. An empty span has none.
func Buckets(from, to time.Time, step time.Duration) (start time.Time, n int, err error) {
	if step < time.Second || step%time.Second != 0 {
		return start, 0, Bad("60s, 1h", "want a step of whole seconds, got %v", step)
	}
	if from.IsZero() || !to.After(from) {
		return from, 0, nil
	}
	start = Bucket(from, step)
	if wide := to.Sub(start); wide > MaxBuckets*step {
		return start, 0, Bad("a longer step, or a shorter span", "%v in steps of %v are more than %d buckets", wide, step, MaxBuckets)
	}
	return start, int((to.Sub(start) + step - 1) / step), nil
}

// Bucket is the start of t's bucket.
func Bucket(t time.Time, step time.Duration) time.Time {
	s := int64(step / time.Second)
	u := t.Unix()
	at := u - u%s
	if u%s < 0 {
		at -= s
	}
	return time.Unix(at, 0).UTC()
}

// FoldSeries orders series of n buckets by their totals, the largest first, and
// adds up those beyond the limit as Other.
func FoldSeries(counts map[string][]uint64, totals map[string]uint64, n int) []Series {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(totals[b], totals[a]), cmp.Compare(a, b))
	})
	var out []Series
	for i, v := range names {
		if i <= maxSeries {
			out = append(out, Series{Value: v, Counts: make([]uint64, n)})
		}
		if i == maxSeries {
			out[i].Value = Other
		}
		to := out[min(i, maxSeries)].Counts
		for j, c := range counts[v] {
			to[j] += c
		}
	}
	return out
}

// CheckGrouping completes and checks a grouping.
func CheckGrouping(g *Grouping) (record.Field, error) {
	f, err := FieldNamed(g.Field)
	if err != nil {
		return f, err
	}
	g.By = cmp.Or(g.By, ByCount)
	if !slices.Contains([]Measure{ByCount, ByBytes, ByPackets, BySessions}, g.By) {
		return f, Bad("count, bytes, packets, sessions", "unknown measure %q", g.By)
	}
	if g.Limit < 1 || g.Limit > MaxGroups {
		return f, Bad("", "want 1 to %d values, got %d", MaxGroups, g.Limit)
	}
	return f, nil
}

// Of is the group's value of a measure.
func (m Measure) Of(g Group) uint64 {
	switch m {
	case ByBytes:
		return g.Bytes
	case ByPackets:
		return g.Packets
	case BySessions:
		return g.Sessions
	}
	return g.Count
}

// Rank orders groups, the largest first, and cuts them to the limit.
func Rank(groups []Group, g Grouping) []Group {
	slices.SortFunc(groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(g.By.Of(b), g.By.Of(a)), cmp.Compare(a.Value, b.Value))
	})
	return groups[:min(len(groups), g.Limit)]
}
