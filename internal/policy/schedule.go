package policy

import (
	"fmt"
	"strings"
	"time"
)

const minutesOfWeek = 7 * 24 * 60

// schedule says at which minutes, in UTC, a rule holds.
type schedule struct {
	week  [(minutesOfWeek + 63) / 64]uint64
	spans [][2]int64 // nanoseconds since the epoch, the end not included
}

// covers reports whether packet time t, in nanoseconds, is in the schedule.
func (s *schedule) covers(t int64) bool {
	const minute = int64(60e9)
	// The epoch began on a Thursday; the week here begins on Sunday.
	m := (t/minute + 4*24*60) % minutesOfWeek
	if m >= 0 && s.week[m>>6]>>(m&63)&1 != 0 {
		return true
	}
	for _, sp := range s.spans {
		if t >= sp[0] && t < sp[1] {
			return true
		}
	}
	return false
}

const scheduleHint = `times look like "monday 08:00-17:00", "daily 22:00-23:59" or "2026/01/01@00:00-2026/01/31@23:59"`

// add reads one time of a schedule. The last minute belongs to it.
func (s *schedule) add(text string) error {
	if strings.Contains(text, "@") {
		return s.addSpan(text)
	}
	day, hours, ok := strings.Cut(strings.TrimSpace(text), " ")
	from, to, ok2 := strings.Cut(strings.TrimSpace(hours), "-")
	if !ok || !ok2 {
		return fmt.Errorf("want a day and hours, got %q", text)
	}
	lo, err1 := time.Parse("15:04", from)
	hi, err2 := time.Parse("15:04", to)
	if err1 != nil || err2 != nil {
		return fmt.Errorf("want hours such as 08:00-17:00, got %q", hours)
	}
	first, last := lo.Hour()*60+lo.Minute(), hi.Hour()*60+hi.Minute()
	if last < first {
		return fmt.Errorf("the hours end before they begin: %q; two lines say it over midnight", hours)
	}
	found := false
	for d := time.Sunday; d <= time.Saturday; d++ {
		if !strings.EqualFold(day, d.String()) && !strings.EqualFold(day, "daily") {
			continue
		}
		found = true
		for m := int(d)*24*60 + first; m <= int(d)*24*60+last; m++ {
			s.week[m>>6] |= 1 << (m & 63)
		}
	}
	if !found {
		return fmt.Errorf("want a weekday or daily, got %q", day)
	}
	return nil
}

func (s *schedule) addSpan(text string) error {
	from, to, ok := strings.Cut(strings.TrimSpace(text), "-")
	lo, err1 := time.Parse("2006/01/02@15:04", from)
	hi, err2 := time.Parse("2006/01/02@15:04", to)
	if !ok || err1 != nil || err2 != nil {
		return fmt.Errorf("want two dates with hours, got %q", text)
	}
	if hi.Before(lo) {
		return fmt.Errorf("the time ends before it begins: %q", text)
	}
	s.spans = append(s.spans, [2]int64{lo.UnixNano(), hi.Add(time.Minute).UnixNano()})
	return nil
}

func (c *compiler) schedules() {
	c.scheds = map[string]*schedule{}
	c.schedUsed = map[string]bool{}
	for i, sc := range c.doc.Schedules {
		path := at("schedules", i)
		if c.scheds[sc.Name] != nil || sc.Name == "" {
			c.errorf(below(path, "name"), "each schedule has a name of its own", "schedule %q: the name is taken or empty", sc.Name)
			continue
		}
		s := &schedule{}
		for j, t := range sc.Times {
			if err := s.add(t); err != nil {
				c.errorf(below(path, "times", j), scheduleHint, "schedule %q: %v", sc.Name, err)
			}
		}
		if len(sc.Times) == 0 {
			c.errorf(path, scheduleHint, "schedule %q has no times", sc.Name)
		}
		c.scheds[sc.Name] = s
	}
}
