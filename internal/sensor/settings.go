package sensor

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/mirrorwall/mirrorwall/internal/appid"
	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/all"
)

// DefaultConfig is a sensor with every protocol, the catalogue in fsys, and no
// rules.
func DefaultConfig(fsys fs.FS) (*Config, error) {
	cat, err := appid.Load(fsys)
	if err != nil {
		return nil, fmt.Errorf("application catalogue: %w", err)
	}
	cfg := &Config{
		Registry:  proto.NewRegistry(all.Protocols()),
		Catalogue: cat,
		Flow:      flow.DefaultConfig(),
		Decode:    packet.DefaultConfig(),
		Shared:    detect.NewShared(),
		Datasets:  detect.NewDatasets(),
		Dedup:     true,
		Log:       LogConfig{DecodeAnomalies: true},
	}
	cfg.Rules, _ = detect.Compile(nil, cfg.DetectConfig(detect.DefaultVars()))
	return cfg, nil
}

// DetectConfig is what compiling rules for this sensor takes.
func (cfg *Config) DetectConfig(vars detect.Vars) *detect.Config {
	return &detect.Config{
		Registry: cfg.Registry, Vars: vars, MaxAlerts: cfg.MaxAlerts, Budget: cfg.Budget, PacketDirOnly: true,
		ReadFile: cfg.RuleFiles.Read, Datasets: cfg.Datasets, Reputation: cfg.Reputation.Read,
		PublicSuffix: func(name string) string {
			suffix, _ := publicsuffix.PublicSuffix(name)
			return suffix
		},
	}
}

// ErrUnknownSetting says that no setting has the given name.
var ErrUnknownSetting = errors.New("unknown setting")

// Settings changes a Config by Suricata's configuration names.
type Settings struct {
	cfg  *Config
	Vars detect.Vars
	// ThresholdFiles are the paths of threshold files. They are not read here.
	ThresholdFiles []string
	raw            map[string]string
}

// NewSettings starts from cfg and Suricata's default variables.
func NewSettings(cfg *Config) *Settings {
	s := &Settings{cfg: cfg, Vars: detect.DefaultVars(), raw: map[string]string{}}
	cfg.Proto.Set = func(key string) string { return s.raw[key] }
	return s
}

const libhtp = "app-layer.protocols.http.libhtp.default-config."

// Set changes one setting. The error wraps ErrUnknownSetting for a name that
// means nothing here.
func (s *Settings) Set(key, value string) error {
	cfg := s.cfg
	s.raw[key] = value
	if name, ok := strings.CutPrefix(key, "vars.address-groups."); ok {
		s.Vars.AddressGroups[name] = value
		return nil
	}
	if name, ok := strings.CutPrefix(key, "mirrorwall.rules."); ok {
		return s.setBudget(name, value)
	}
	if name, ok := strings.CutPrefix(key, "vars.port-groups."); ok {
		s.Vars.PortGroups[name] = value
		return nil
	}
	if _, ok := strings.CutPrefix(key, "reputation-files."); ok {
		cfg.Reputation.Files = append(cfg.Reputation.Files, value)
		return nil
	}
	var err error
	if system, ok := strings.CutPrefix(key, "host-os-policy."); ok {
		nets, err := networks(value)
		if err == nil {
			err = cfg.SetHostOS(system, nets)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return nil
	}
	switch key {
	case "stream.midstream":
		// Who asks for whole handshakes does not want one-sided streams either,
		// unless they say so.
		if err = setBool(&cfg.Flow.Midstream, value); err == nil && s.raw["stream.async-oneside"] == "" {
			cfg.Flow.AsyncOneSide = cfg.Flow.Midstream
		}
	case "stream.midstream-policy":
		pol, ok := flow.MidstreamPolicyByName(value)
		if !ok {
			err = fmt.Errorf("want ignore, pass-flow or bypass, got %q", value)
		}
		cfg.Flow.MidstreamPolicy = pol
	case "stream.async-oneside":
		err = setBool(&cfg.Flow.AsyncOneSide, value)
	case "stream.reassembly.depth":
		err = setSize(&cfg.Flow.Depth, value)
	case "vlan.use-for-tracking":
		err = setNot(&cfg.Flow.IgnoreVLAN, value)
	case "decoder.recursion-level.use-for-tracking":
		err = setNot(&cfg.Flow.IgnoreDepth, value)
	case "decoder.vxlan.enabled":
		err = setBool(&cfg.Decode.VXLAN, value)
	case "decoder.vxlan.ports":
		err = setPorts(&cfg.Decode.VXLANPorts, value)
	case "decoder.geneve.ports":
		err = setPorts(&cfg.Decode.GENEVEPorts, value)
	case "decoder.geneve.enabled":
		err = setBool(&cfg.Decode.GENEVE, value)
	case "decoder.teredo.enabled":
		err = setBool(&cfg.Decode.Teredo, value)
	case "threshold-file":
		s.ThresholdFiles = append(s.ThresholdFiles, value)
	case "packet-alert-max":
		err = setInt(&cfg.MaxAlerts, value)
	case libhtp + "response-body-limit", libhtp + "request-body-limit":
		var n uint64
		if err = setSize(&n, value); err == nil {
			cfg.Proto.HTTPBodyLimit = int(min(n, math.MaxInt32))
		}
	case libhtp + "response-body-decompress-layer-limit":
		err = setInt(&cfg.Proto.HTTPDecompressDepth, value)
	case libhtp + "lzma-enabled":
		err = setBool(&cfg.Proto.HTTPLZMA, value)
	case "reputation-categories-file":
		cfg.Reputation.Categories = value
	case "default-reputation-path":
		cfg.Reputation.Dir = value
	case "reputation-files":
		cfg.Reputation.Files = listOf(value)
	case "datasets.dir":
		cfg.RuleFiles.Dir = value
	case "mirrorwall.dedup":
		err = setBool(&cfg.Dedup, value)
	case "file.all-hashes":
		err = setBool(&cfg.Proto.FileHashes, value)
	case "outputs.anomaly.decode":
		err = setBool(&cfg.Log.DecodeAnomalies, value)
	case "outputs.anomaly.stream":
		err = setBool(&cfg.Log.StreamAnomalies, value)
	default:
		return fmt.Errorf("%s: %w", key, ErrUnknownSetting)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// setPorts reads a port or a list of them: four at most, as packet.Config has it.
func setPorts(into *[]uint16, v string) error {
	list := listOf(v)
	if len(list) < 1 || len(list) > 4 {
		return fmt.Errorf("want one to four ports, got %q", v)
	}
	var ports []uint16
	for _, s := range list {
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil || n == 0 {
			return fmt.Errorf("want ports from 1 to 65535, got %q", s)
		}
		ports = append(ports, uint16(n))
	}
	*into = ports
	return nil
}

// listOf reads "a, b" or "[a, b]".
func listOf(v string) (out []string) {
	v = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(v), "["), "]")
	for s := range strings.SplitSeq(v, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// setBudget changes what a rule may cost: budget.share, budget.window,
// budget.steps, pinned.
func (s *Settings) setBudget(name, value string) error {
	b, def := &s.cfg.Budget, detect.DefaultBudget()
	if b.Window == 0 {
		b.Window, b.Floor = def.Window, def.Floor
	}
	var err error
	switch name {
	case "budget.share":
		b.Share, err = strconv.ParseFloat(value, 64)
		if err != nil || !(b.Share >= 0 && b.Share < 1) {
			err = fmt.Errorf("want a share from 0 to 1, got %q", value)
		}
	case "budget.window":
		var d time.Duration
		if d, err = time.ParseDuration(value); err != nil || d <= 0 {
			err = fmt.Errorf("want a time span such as 10s, got %q", value)
		}
		b.Window = int64(d)
	case "budget.steps":
		if b.Floor, err = strconv.ParseUint(value, 10, 32); err != nil {
			err = fmt.Errorf("want a number of steps, got %q", value)
		}
	case "pinned":
		for sid := range strings.SplitSeq(value, ",") {
			n, bad := strconv.ParseUint(strings.TrimSpace(sid), 10, 32)
			if bad != nil {
				err = fmt.Errorf("want sids with commas between, got %q", value)
			}
			b.Pinned = append(b.Pinned, uint32(n))
		}
	default:
		err = ErrUnknownSetting
	}
	if err != nil {
		return fmt.Errorf("mirrorwall.rules.%s: %w", name, err)
	}
	return nil
}

func setBool(dst *bool, v string) error {
	switch v {
	case "true", "yes", "on", "1":
		*dst = true
	case "false", "no", "off", "0":
		*dst = false
	default:
		return fmt.Errorf("want true or false, got %q", v)
	}
	return nil
}

func setNot(dst *bool, v string) error {
	var b bool
	if err := setBool(&b, v); err != nil {
		return err
	}
	*dst = !b
	return nil
}

func setInt(dst *int, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		return fmt.Errorf("want a number, got %q", v)
	}
	*dst = n
	return nil
}

// setSize reads bytes with Suricata's units: 1mb, 100kb, 2gb.
func setSize(dst *uint64, v string) error {
	num, shift := strings.ToLower(v), 0
	for _, u := range [...]struct {
		suffix string
		shift  int
	}{{"kb", 10}, {"mb", 20}, {"gb", 30}, {"kib", 10}, {"mib", 20}, {"gib", 30}} {
		if n, ok := strings.CutSuffix(num, u.suffix); ok {
			num, shift = strings.TrimSpace(n), u.shift
			break
		}
	}
	n, err := strconv.ParseUint(num, 10, 63-30)
	if err != nil {
		return fmt.Errorf("want a size such as 100kb, got %q", v)
	}
	*dst = n << shift
	return nil
}
