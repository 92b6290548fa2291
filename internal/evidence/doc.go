// Package evidence keeps the packets around a threat, so that a person sees what
// fired.
//
// Each worker has a Recorder: a ring with the last packets of all its flows, and
// the captures that are being taken. When a rule fires, what the ring still has
// of that flow begins a capture, and the packets that follow complete it. A
// finished capture goes to a Store: one pcap file each, with the mirror's
// envelope, under a quota. Payload bytes live here and nowhere else: no record
// holds any, only a capture's ID.
package evidence
