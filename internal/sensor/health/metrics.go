package health

import (
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

// collector turns the workers' snapshots into metrics at each scrape.
type collector struct {
	svc      *sensor.Service
	frames   *prometheus.Desc
	bytes    *prometheus.Desc
	loss     *prometheus.Desc
	alerts   *prometheus.Desc
	records  *prometheus.Desc
	flows    *prometheus.Desc
	active   *prometheus.Desc
	rules    *prometheus.Desc
	last     *prometheus.Desc
	vni      *prometheus.Desc
	protocol *prometheus.Desc
}

func newCollector(svc *sensor.Service) *collector {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("mirrorwall_sensor_"+name, help, labels, nil)
	}
	return &collector{
		svc:      svc,
		frames:   d("frames_total", "Frames received."),
		bytes:    d("frame_bytes_total", "Bytes of the frames received."),
		loss:     d("loss_total", "What was not inspected, by cause.", "cause"),
		alerts:   d("alerts_total", "Signature matches recorded."),
		records:  d("records_total", "Log records written, by type.", "type"),
		flows:    d("flows_total", "Flows begun."),
		active:   d("active_flows", "Flows being tracked."),
		rules:    d("active_rules", "Signatures in force."),
		last:     d("last_frame_timestamp_seconds", "Time of the last frame; 0 before the first."),
		vni:      d("mirror_session_frames_total", "Frames by VXLAN network identifier.", "vni"),
		protocol: d("protocol_flows_total", "Flows in which a protocol was recognised.", "protocol"),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	var t sensor.Counters
	var last float64
	vnis := map[uint32]uint64{}
	snaps := c.svc.Snapshots()
	for _, sn := range snaps {
		t.Packets += sn.Worker.Packets
		t.Bytes += sn.Worker.Bytes
		t.Alerts += sn.Worker.Alerts
		t.Transactions += sn.Worker.Transactions
		t.Files += sn.Worker.Files
		t.FlowRecords += sn.Worker.FlowRecords
		if !sn.Last.IsZero() {
			last = max(last, float64(sn.Last.UnixMilli())/1000)
		}
		for k, v := range sn.Sessions {
			vnis[k.VNI] += v.Frames
		}
	}
	counter(c.frames, t.Packets)
	counter(c.bytes, t.Bytes)
	counter(c.alerts, t.Alerts)
	counter(c.records, t.Alerts, "alert")
	counter(c.records, t.Transactions, "transaction")
	counter(c.records, t.Files, "file")
	counter(c.records, t.FlowRecords, "flow")
	for _, l := range c.svc.Loss() {
		counter(c.loss, l.Count, l.Cause)
	}
	for vni, n := range vnis {
		counter(c.vni, n, strconv.FormatUint(uint64(vni), 10))
	}
	for _, st := range sensor.Sum(snaps) {
		switch name, proto := st.Name, ""; {
		case name == "flow.total":
			counter(c.flows, st.Value)
		case name == "flow.active":
			gauge(c.active, float64(st.Value))
		case strings.HasPrefix(name, "app_layer.flow."):
			proto = strings.TrimPrefix(name, "app_layer.flow.")
			counter(c.protocol, st.Value, proto)
		}
	}
	gauge(c.rules, float64(len(c.svc.Rules().All.Signatures())))
	gauge(c.last, last)
}
