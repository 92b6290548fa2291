package sensor

import (
	"log/slog"
	"sync"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/detect"
)

// profileEvery is how often a worker publishes what its rules have cost: the
// list has a row for each rule that was ever looked at.
const profileEvery = 10 * time.Second

// newEngine makes one of the worker's engines.
func (w *Worker) newEngine(rs *detect.Ruleset) *detect.Engine {
	e := detect.NewEngine(rs, w.cfg.Shared)
	e.Clock, e.KeepBytes = w.cfg.Clock, w.cfg.Evidence != nil
	return e
}

// Profile returns what the rules have cost the worker since they were loaded, a
// row for each and for each tenant's own. It must be called by the goroutine
// that runs the worker.
func (w *Worker) Profile() []detect.RuleCost {
	out := w.engine.Profile(nil)
	for _, e := range w.others {
		out = e.Profile(out)
	}
	return out
}

// publishProfile publishes the profile when it is old, or that of other rules.
func (l *loop) publishProfile(now time.Time) {
	if l.profiledOf == l.gen && now.Sub(l.profiledAt) < profileEvery {
		return
	}
	l.profiledAt, l.profiledOf = now, l.gen
	p := l.w.Profile()
	l.profile.Store(&p)
}

// Profile is what the rules in force have cost all workers, as these have
// published it; most work comes first.
func (s *Service) Profile() []detect.RuleCost {
	var all [][]detect.RuleCost
	for _, l := range s.loops {
		if p := l.profile.Load(); p != nil {
			all = append(all, *p)
		}
	}
	return detect.MergeProfiles(all...)
}

// Suspended lists the rules in force that went over their budget, a rule once
// for each ruleset in which it did.
func (r *Rules) Suspended() []detect.Suspension {
	out := r.All.Suspended()
	for _, rs := range r.Tenants {
		out = append(out, rs.Suspended()...)
	}
	return out
}

// suspensions remembers which suspensions were told.
type suspensions struct {
	mu   sync.Mutex
	of   *Rules
	told map[detect.Suspension]bool
}

// tell logs the rules that were suspended since it was last called.
func (t *suspensions) tell(r *Rules, log *slog.Logger) {
	list := r.Suspended()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of != r {
		t.of, t.told = r, map[detect.Suspension]bool{}
	}
	for _, x := range list {
		if t.told[x] {
			continue
		}
		t.told[x] = true
		log.Warn("rule suspended: it took more than its budget", "sid", x.SID, "gid", x.GID, "rule", x.Msg,
			"share", x.Share, "steps", x.Work, "packet_time", time.Unix(0, x.Time).UTC(),
			"until", time.Unix(0, x.Until).UTC(), "hint", "rules: pinned: keeps it running; it runs again at that packet time, and at SIGHUP")
	}
}
