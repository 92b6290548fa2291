package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/config/lifecycle"
	"github.com/mirrorwall/mirrorwall/internal/console/access"
	"github.com/mirrorwall/mirrorwall/internal/console/tags"
)

// configurations keeps the candidate and the committed versions of a console.
type configurations struct {
	*lifecycle.Manager
	cfg        *config.Config
	log        *slog.Logger
	start      start // what this console started with
	supervised bool
	// again has the version for which this console must be started again.
	again chan uint64
	tags  *tags.Registry
	push  *pusher // to sensors elsewhere; nil: there are none
}

func openConfigurations(cfg *config.Config, log *slog.Logger, st start, supervised bool, users *access.Store, push *pusher) (*configurations, error) {
	c := &configurations{cfg: cfg, log: log, start: st, supervised: supervised, again: make(chan uint64, 1), push: push}
	o := lifecycle.Options{
		Dir: filepath.Join(cfg.ConsoleState(), "config"), Force: st.File,
		Check: []config.Check{checkConfig, c.checkFolders},
		Ready: func(ctx context.Context) error {
			need, err := users.NeedsSetup(ctx)
			if err == nil && need {
				err = errors.New("no superuser has set a password yet: mirrorwall login NAME --setup TOKEN, with the token that the console's log shows")
			}
			return err
		},
		Publish: c.publish,
	}
	if st.Number == 0 {
		o.First = st.Text
	}
	var err error
	if c.Manager, err = lifecycle.Open(o); err != nil {
		return nil, fail(err, "console: state: names the folder, which one console at a time uses")
	}
	return c, nil
}

// checkFolders refuses what a console can't do to itself.
func (c *configurations) checkFolders(next *config.Config, k *config.Checker) {
	const hint = "stop the service, move the folder, change the file and start with mirrorwall run --from-file"
	if next.State != c.cfg.State {
		k.Add(config.At("state"), hint, "state: a commit can't move it from %s to %s", c.cfg.State, next.State)
	} else if next.ConsoleState() != c.cfg.ConsoleState() {
		k.Add(config.At("console", "state"), hint, "console: state: a commit can't move it from %s to %s", c.cfg.ConsoleState(), next.ConsoleState())
	}
}

// publish hands a committed version to the sensor, and asks for another start of
// this console when its own part has changed.
func (c *configurations) publish(ctx context.Context, g lifecycle.Generation) error {
	if err := publisher(c.cfg)(ctx, g); err != nil {
		return err
	}
	if c.push != nil {
		c.push.newest.Store(&generation{g.Number, g.Author, string(g.Text)})
	}
	keys, err := changedKeys(c.start.Text, g.Text)
	if err != nil || g.Number == c.start.Refused {
		return err
	}
	keys = slices.DeleteFunc(keys, func(k string) bool {
		return !slices.Contains(consoleKeys(), k) && (k != "policy" || !forwardsDiffer(c.start.Text, g.Text))
	})
	switch {
	case len(keys) == 0:
	case !c.supervised:
		c.log.Warn("changes of the configuration wait for a restart of the console", "version", g.Number, "sections", keys)
	default:
		select {
		case c.again <- g.Number:
		default:
		}
	}
	return nil
}

// hear notes what the sensor of this machine says of the configuration.
func (c *configurations) hear() {
	var r lifecycle.Report
	if readJSON(generationFile(c.cfg, "sensor.json"), maxConfigText, &r) == nil && r.Sensor != "" {
		c.Report(r)
	}
	if c.start.Refused != 0 {
		c.Report(lifecycle.Report{Sensor: "console", Number: c.start.Number, Refused: c.start.Refused, Error: c.start.Why})
	}
}

const (
	configEvery = 500 * time.Millisecond
	// restartAfter leaves who committed the time to read how it ended.
	restartAfter = 2 * time.Second
)

// run does what time demands until ctx ends, or this console must be started again.
func (c *configurations) run(ctx context.Context) error {
	t := time.NewTicker(configEvery)
	defer t.Stop()
	var restart <-chan time.Time
	var number uint64
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			if err := c.Tick(ctx); err != nil {
				c.log.Error("configurations: tried again", "err", err)
			}
			c.hear()
			if err := c.tags.Sweep(); err != nil {
				c.log.Warn("registered tags are not handed to the sensor yet", "err", err)
			}
		case number = <-c.again:
			c.log.Info("a committed configuration needs a start of the console", "version", number)
			restart = time.After(restartAfter)
		case <-restart:
			return &restartError{number}
		}
	}
}

// hangup takes what the configuration file says now, unless it does not count.
func (c *configurations) hangup(path string) {
	text, err := readRegular(path)
	if err != nil {
		return // as the sensor says
	}
	if _, err := config.Parse(path, text, checkConfig, c.checkFolders); err != nil {
		return
	}
	if runs, err := c.TakeFile(text); err != nil || !runs {
		c.log.Warn("the configuration file is not taken", "file", path, "why", fmt.Sprint(err))
	}
}
