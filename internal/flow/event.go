package flow

// Event is a stream anomaly; names follow Suricata's stream-event keyword.
type Event uint8

// Stream events. The comments name those that this engine never raises; they
// exist so that rules naming them load.
const (
	EventNone Event = iota
	Event3WHSACKInWrongDir
	Event3WHSAsyncWrongSeq
	Event3WHSRightSeqWrongACKEvasion
	Event3WHSSYNACKInWrongDirection
	Event3WHSSYNACKResendWithDifferentACK
	Event3WHSSYNACKResendWithDiffSeq
	Event3WHSSYNACKToServerOnSYNRecv
	Event3WHSSYNACKWithWrongACK
	Event3WHSSYNACKFlood
	Event3WHSSYNACKTFODataIgnored
	Event3WHSSYNResendDiffSeqOnSYNRecv
	Event3WHSSYNToClientOnSYNRecv
	Event3WHSSYNFlood
	Event3WHSWrongSeqWrongACK
	Event3WHSACKDataInject // inline engines only: never raised
	Event4WHSSYNACKWithWrongACK
	Event4WHSSYNACKWithWrongSYN
	Event4WHSWrongSeq
	Event4WHSInvalidACK
	EventCloseWaitACKOutOfWindow
	EventCloseWaitFINOutOfWindow
	EventCloseWaitPktBeforeLastACK
	EventCloseWaitInvalidACK
	EventClosingACKWrongSeq
	EventClosingInvalidACK
	EventEstPacketOutOfWindow
	EventEstPktBeforeLastACK
	EventEstSYNACKResend
	EventEstSYNACKResendWithDifferentACK
	EventEstSYNACKResendWithDiffSeq
	EventEstSYNACKToServer
	EventEstSYNResend
	EventEstSYNResendDiffSeq
	EventEstSYNToClient
	EventEstInvalidACK
	EventFINInvalidACK
	EventFIN1ACKWrongSeq
	EventFIN1FINWrongSeq
	EventFIN1InvalidACK
	EventFIN2ACKWrongSeq
	EventFIN2FINWrongSeq
	EventFIN2InvalidACK
	EventFINButNoSession
	EventFINOutOfWindow
	EventFINSYN
	EventLastACKACKWrongSeq
	EventLastACKInvalidACK
	EventRSTButNoSession
	EventTimeWaitACKWrongSeq
	EventTimeWaitInvalidACK
	EventShutdownSYNResend
	EventPktInvalidTimestamp
	EventPktInvalidACK
	EventPktBrokenACK
	EventRSTInvalidACK
	EventPktRetransmission
	EventPktSpuriousRetransmission
	EventPktBadWindowUpdate
	EventSuspectedRSTInject
	EventWrongThread // one table sees all of a flow's packets: never raised
	EventReassemblySegmentBeforeBaseSeq
	EventReassemblyNoSegment
	EventReassemblySeqGap
	EventReassemblyOverlapDifferentData
	EventReassemblyDepthReached
	EventReassemblyInsertMemcap
	EventReassemblyInsertLimit
	EventReassemblyInsertInvalid
	eventCount
)

// eventNames is indexed by Event.
var eventNames = [eventCount]string{
	EventNone:                             "",
	Event3WHSACKInWrongDir:                "3whs_ack_in_wrong_dir",
	Event3WHSAsyncWrongSeq:                "3whs_async_wrong_seq",
	Event3WHSRightSeqWrongACKEvasion:      "3whs_right_seq_wrong_ack_evasion",
	Event3WHSSYNACKInWrongDirection:       "3whs_synack_in_wrong_direction",
	Event3WHSSYNACKResendWithDifferentACK: "3whs_synack_resend_with_different_ack",
	Event3WHSSYNACKResendWithDiffSeq:      "3whs_synack_resend_with_diff_seq",
	Event3WHSSYNACKToServerOnSYNRecv:      "3whs_synack_toserver_on_syn_recv",
	Event3WHSSYNACKWithWrongACK:           "3whs_synack_with_wrong_ack",
	Event3WHSSYNACKFlood:                  "3whs_synack_flood",
	Event3WHSSYNACKTFODataIgnored:         "3whs_synack_tfo_data_ignored",
	Event3WHSSYNResendDiffSeqOnSYNRecv:    "3whs_syn_resend_diff_seq_on_syn_recv",
	Event3WHSSYNToClientOnSYNRecv:         "3whs_syn_toclient_on_syn_recv",
	Event3WHSSYNFlood:                     "3whs_syn_flood",
	Event3WHSWrongSeqWrongACK:             "3whs_wrong_seq_wrong_ack",
	Event3WHSACKDataInject:                "3whs_ack_data_inject",
	Event4WHSSYNACKWithWrongACK:           "4whs_synack_with_wrong_ack",
	Event4WHSSYNACKWithWrongSYN:           "4whs_synack_with_wrong_syn",
	Event4WHSWrongSeq:                     "4whs_wrong_seq",
	Event4WHSInvalidACK:                   "4whs_invalid_ack",
	EventCloseWaitACKOutOfWindow:          "closewait_ack_out_of_window",
	EventCloseWaitFINOutOfWindow:          "closewait_fin_out_of_window",
	EventCloseWaitPktBeforeLastACK:        "closewait_pkt_before_last_ack",
	EventCloseWaitInvalidACK:              "closewait_invalid_ack",
	EventClosingACKWrongSeq:               "closing_ack_wrong_seq",
	EventClosingInvalidACK:                "closing_invalid_ack",
	EventEstPacketOutOfWindow:             "est_packet_out_of_window",
	EventEstPktBeforeLastACK:              "est_pkt_before_last_ack",
	EventEstSYNACKResend:                  "est_synack_resend",
	EventEstSYNACKResendWithDifferentACK:  "est_synack_resend_with_different_ack",
	EventEstSYNACKResendWithDiffSeq:       "est_synack_resend_with_diff_seq",
	EventEstSYNACKToServer:                "est_synack_toserver",
	EventEstSYNResend:                     "est_syn_resend",
	EventEstSYNResendDiffSeq:              "est_syn_resend_diff_seq",
	EventEstSYNToClient:                   "est_syn_toclient",
	EventEstInvalidACK:                    "est_invalid_ack",
	EventFINInvalidACK:                    "fin_invalid_ack",
	EventFIN1ACKWrongSeq:                  "fin1_ack_wrong_seq",
	EventFIN1FINWrongSeq:                  "fin1_fin_wrong_seq",
	EventFIN1InvalidACK:                   "fin1_invalid_ack",
	EventFIN2ACKWrongSeq:                  "fin2_ack_wrong_seq",
	EventFIN2FINWrongSeq:                  "fin2_fin_wrong_seq",
	EventFIN2InvalidACK:                   "fin2_invalid_ack",
	EventFINButNoSession:                  "fin_but_no_session",
	EventFINOutOfWindow:                   "fin_out_of_window",
	EventFINSYN:                           "fin_syn",
	EventLastACKACKWrongSeq:               "lastack_ack_wrong_seq",
	EventLastACKInvalidACK:                "lastack_invalid_ack",
	EventRSTButNoSession:                  "rst_but_no_session",
	EventTimeWaitACKWrongSeq:              "timewait_ack_wrong_seq",
	EventTimeWaitInvalidACK:               "timewait_invalid_ack",
	EventShutdownSYNResend:                "shutdown_syn_resend",
	EventPktInvalidTimestamp:              "pkt_invalid_timestamp",
	EventPktInvalidACK:                    "pkt_invalid_ack",
	EventPktBrokenACK:                     "pkt_broken_ack",
	EventRSTInvalidACK:                    "rst_invalid_ack",
	EventPktRetransmission:                "pkt_retransmission",
	EventPktSpuriousRetransmission:        "pkt_spurious_retransmission",
	EventPktBadWindowUpdate:               "pkt_bad_window_update",
	EventSuspectedRSTInject:               "suspected_rst_inject",
	EventWrongThread:                      "wrong_thread",
	EventReassemblySegmentBeforeBaseSeq:   "reassembly_segment_before_base_seq",
	EventReassemblyNoSegment:              "reassembly_no_segment",
	EventReassemblySeqGap:                 "reassembly_seq_gap",
	EventReassemblyOverlapDifferentData:   "reassembly_overlap_different_data",
	EventReassemblyDepthReached:           "reassembly_depth_reached",
	EventReassemblyInsertMemcap:           "reassembly_insert_memcap",
	EventReassemblyInsertLimit:            "reassembly_insert_limit",
	EventReassemblyInsertInvalid:          "reassembly_insert_invalid",
}

// String returns the stream-event name, without the "stream." prefix that
// Suricata's anomaly records put before it.
func (e Event) String() string {
	if e >= eventCount {
		return ""
	}
	return eventNames[e]
}

// EventByName finds the event of a stream-event keyword's value. It is a
// linear search for rule loading, not for the packet path.
func EventByName(name string) (Event, bool) {
	for e, s := range eventNames {
		if s == name && s != "" {
			return Event(e), true
		}
	}
	return EventNone, false
}
