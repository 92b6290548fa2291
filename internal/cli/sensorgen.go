package cli

import (
	"errors"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/config/lifecycle"
)

// generationEvery is how often a sensor looks for another configuration.
const generationEvery = 500 * time.Millisecond

// follower takes what is committed in the console into force.
type follower struct {
	app        *app
	s          *service
	number     uint64 // of what is in force; 0: the file's
	refused    uint64 // not to be tried again
	supervised bool
	seen       os.FileInfo // of current.json, when it was last read
	seenTags   os.FileInfo // of tags.json
	waits      []string    // keys that take effect at the next start
}

// report tells the console what this sensor runs; one that can't be told of it
// goes on.
func (f *follower) report(why string) {
	r := lifecycle.Report{Sensor: sensorName(), Number: f.number, Refused: f.refused, Error: why, Waits: f.waits, Time: time.Now()}
	if err := writeJSON(generationFile(f.s.cfg, "sensor.json"), r); err != nil {
		f.s.log.Warn("the console is not told which configuration is in force", "err", err)
	}
}

// lookTags takes the tags that were registered, into the policy alone.
func (f *follower) lookTags() {
	s := f.s
	st, err := os.Stat(generationFile(s.cfg, "tags.json"))
	if err != nil || f.seenTags != nil && os.SameFile(st, f.seenTags) && st.ModTime().Equal(f.seenTags.ModTime()) {
		return
	}
	f.seenTags = st
	next := readTags(s.cfg)
	if maps.EqualFunc(next, s.tags, slices.Equal) {
		return
	}
	s.tags = next
	old := s.sensorCfg.Policy
	if err := s.compilePolicy(s.sensorCfg); err != nil {
		s.log.Error("registered tags are not in force", "err", err)
		s.sensorCfg.Policy = old
		return
	}
	s.sensorCfg.Policy.Inherit(old)
	s.sensor.SetPolicy(s.sensorCfg.Policy)
	s.log.Info("registered tags", "addresses", len(next))
}

// readTags reads what the console has registered; nothing when there is none.
func readTags(cfg *config.Config) map[netip.Addr][]string {
	var all map[string][]string
	if readJSON(generationFile(cfg, "tags.json"), maxConfigText, &all) != nil {
		return nil
	}
	out := map[netip.Addr][]string{}
	for text, list := range all {
		if a, err := netip.ParseAddr(text); err == nil {
			out[a] = list
		}
	}
	return out
}

// look takes another generation, when there is one. A restartError asks for a
// start with it; anything else that is wrong is told and leaves the old one.
func (f *follower) look() error {
	path := generationFile(f.s.cfg, "current.json")
	st, err := os.Stat(path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			f.s.log.Debug("no look at the committed configuration", "err", err)
		}
		return nil
	}
	if f.seen != nil && os.SameFile(st, f.seen) && st.ModTime().Equal(f.seen.ModTime()) {
		return nil
	}
	g, err := readGeneration(f.s.cfg)
	if err != nil || g == nil {
		return nil // it is being replaced, or the next start tells
	}
	f.seen = st
	if g.Number == f.number || g.Number == f.refused {
		return nil
	}
	err = f.take(g)
	var again *restartError
	if errors.As(err, &again) {
		return err
	}
	if err != nil {
		f.refused = g.Number
		f.s.log.Error("a committed configuration is refused, the old one stays", "version", g.Number, "err", err)
		f.report(err.Error())
		return nil
	}
	f.refused = 0
	f.report("")
	return nil
}

func (f *follower) take(g *generation) error {
	s, text := f.s, []byte(g.Text)
	next, err := config.Parse(g.name(), text, checkConfig)
	if err != nil {
		return err
	}
	next.State = s.cfg.State
	keys, err := changedKeys(s.text, text)
	if err != nil {
		return err
	}
	cold := slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return k == "policy" || k == "state" || slices.Contains(consoleKeys(), k) })
	if len(cold) > 0 && f.supervised {
		s.log.Info("a committed configuration needs a start, mirrored packets are missed for that long", "version", g.Number, "sections", strings.Join(cold, ", "))
		return &restartError{g.Number}
	}
	if slices.Contains(keys, "policy") {
		undo, err := s.swapPolicy(next, s.text)
		if err == nil {
			err = s.recompile(f.app, undo)
		}
		if err != nil {
			return err
		}
	}
	if len(cold) > 0 {
		s.log.Warn("changes of the configuration wait for a restart of the sensor", "version", g.Number, "sections", strings.Join(cold, ", "))
	} else {
		// What waits is compared with the text that was started with.
		s.text = text
	}
	f.number, f.waits = g.Number, cold
	s.log.Info("configuration", "version", g.Number, "committed_by", g.Author)
	return nil
}
