package filter

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
)

// timeForms are the absolute times; those without a zone are UTC.
func timeForms() []string {
	return []string{"2006/01/02 15:04:05", "2006/01/02 15:04", "2006/01/02", time.RFC3339, "2006-01-02 15:04:05", "2006-01-02"}
}

// span is the times of an interval.
type span struct{ of interval }

func (c span) match(f *record.Field, e *record.Entry, now time.Time) bool {
	from, to := c.micros(now)
	t := f.Time(e).UnixMicro()
	return t >= from && t < to
}

// micros is the interval in the unit of records' times, half open.
func (c span) micros(now time.Time) (from, to int64) {
	a, b := c.of(now)
	return ceilMicro(a), ceilMicro(b)
}

// ceilMicro is the first microsecond that is not before t.
func ceilMicro(t time.Time) int64 {
	us := t.UnixMicro()
	if time.UnixMicro(us).Before(t) {
		us++
	}
	return us
}

// The ends of time as far as logs go: PAN-OS and every store can write them.
func firstTime() time.Time { return time.Date(-9999, 1, 1, 0, 0, 0, 0, time.UTC) }
func lastTime() time.Time  { return time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC) }

func compareTime(op, value string) (comparison, error) {
	if op == "in" {
		rng, err := relative(value)
		if err != nil {
			return nil, err
		}
		return span{rng}, nil
	}
	for _, form := range timeForms() {
		at, err := time.Parse(form, value)
		if err != nil {
			continue
		}
		from, to := firstTime(), lastTime()
		switch op {
		case "geq":
			from = at
		case "gt":
			from = at.Add(time.Microsecond)
		case "lt":
			to = at
		case "leq":
			to = at.Add(time.Microsecond)
		default: // eq, neq
			from, to = at, at.Add(time.Microsecond)
		}
		return span{func(time.Time) (time.Time, time.Time) { return from, to }}, nil
	}
	return nil, fmt.Errorf("want a time such as '2026/06/25 10:00:00', got %q", value)
}

// interval is a half-open span of time, seen from now.
type interval func(now time.Time) (from, to time.Time)

// relative reads PAN-OS's relative times: last-60-seconds, last-hour,
// last-7-days, last-calendar-month …; any number is taken.
func relative(value string) (interval, error) {
	words := strings.Split(strings.ToLower(value), "-")
	bad := fmt.Errorf("want last-N-seconds, -minutes, -hrs, -days or last-calendar-day, -week, -month, got %q", value)
	if len(words) < 2 || len(words) > 4 || words[0] != "last" {
		return nil, bad
	}
	words = words[1:]
	n := 1
	if v, err := strconv.Atoi(words[0]); err == nil {
		if v < 1 || v > 1e6 || len(words) == 1 {
			return nil, bad
		}
		n, words = v, words[1:]
	}
	if len(words) == 2 && words[0] == "calendar" {
		return calendar(n, words[1], bad)
	}
	unit := map[string]time.Duration{
		"second": time.Second, "minute": time.Minute, "hr": time.Hour, "hour": time.Hour,
		"day": 24 * time.Hour, "week": 7 * 24 * time.Hour, "month": 30 * 24 * time.Hour,
	}[strings.TrimSuffix(words[0], "s")]
	if len(words) != 1 || unit == 0 || n > int(math.MaxInt64/unit) {
		return nil, bad
	}
	span := time.Duration(n) * unit
	return func(now time.Time) (time.Time, time.Time) { return now.Add(-span), now.Add(time.Nanosecond) }, nil
}

// calendar is whole days, weeks or months before the present one, in UTC.
func calendar(n int, unit string, bad error) (interval, error) {
	switch strings.TrimSuffix(unit, "s") {
	case "day":
		return func(now time.Time) (time.Time, time.Time) {
			to := now.UTC().Truncate(24 * time.Hour)
			return to.AddDate(0, 0, -n), to
		}, nil
	case "week":
		return func(now time.Time) (time.Time, time.Time) {
			day := now.UTC().Truncate(24 * time.Hour)
			to := day.AddDate(0, 0, -int(day.Weekday()))
			return to.AddDate(0, 0, -7*n), to
		}, nil
	case "month":
		return func(now time.Time) (time.Time, time.Time) {
			y, m, _ := now.UTC().Date()
			to := time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
			return to.AddDate(0, -n, 0), to
		}, nil
	}
	return nil, bad
}
