package packet

// Decoder events. Each constant is Suricata's decode-event of the same words;
// eventNames holds the exact spelling. Their numbers are not stable between
// releases and are never written anywhere.
//
// Some are known so that rules with them load, but never raised: those of
// layers that are not decoded (chdlc, dce, nsh, afpacket), and those whose
// condition cannot come about here: ipv4.opt_invalid, ipv6.exthdr_dupl_eh,
// tcp.invalid_optlen, udp.hlen_invalid, erspan.too_many_vlan_layers.
const (
	EventIPv4PktTooSmall Event = iota
	EventIPv4HLenTooSmall
	EventIPv4IPLenSmallerThanHLen
	EventIPv4TruncPkt
	EventIPv4OptInvalid
	EventIPv4OptInvalidLen
	EventIPv4OptMalformed
	EventIPv4OptPadRequired
	EventIPv4OptEOLRequired
	EventIPv4OptDuplicate
	EventIPv4OptUnknown
	EventIPv4WrongIPVersion
	EventIPv4ICMPv6
	EventIPv4FragPktTooLarge
	EventIPv4FragOverlap
	EventIPv4FragIgnored

	EventIPv6PktTooSmall
	EventIPv6TruncPkt
	EventIPv6TruncExtHdr
	EventIPv6ExtHdrDuplFH
	EventIPv6ExtHdrUselessFH
	EventIPv6ExtHdrDuplRH
	EventIPv6ExtHdrDuplHH
	EventIPv6ExtHdrDuplDH
	EventIPv6ExtHdrDuplAH
	EventIPv6ExtHdrDuplEH
	EventIPv6ExtHdrInvalidOptLen
	EventIPv6WrongIPVersion
	EventIPv6ExtHdrAHResNotNull
	EventIPv6HopOptsUnknownOpt
	EventIPv6HopOptsOnlyPadding
	EventIPv6DstOptsUnknownOpt
	EventIPv6DstOptsOnlyPadding
	EventIPv6RHType0
	EventIPv6ZeroLenPadN
	EventIPv6FHNonZeroReservedField
	EventIPv6DataAfterNoneHeader
	EventIPv6UnknownNextHeader
	EventIPv6ICMPv4
	EventIPv6FragPktTooLarge
	EventIPv6FragOverlap
	EventIPv6FragInvalidLength
	EventIPv6FragIgnored
	EventIPv6IPv4InIPv6TooSmall
	EventIPv6IPv4InIPv6WrongVersion
	EventIPv6IPv6InIPv6TooSmall
	EventIPv6IPv6InIPv6WrongVersion

	EventICMPv4PktTooSmall
	EventICMPv4UnknownType
	EventICMPv4UnknownCode
	EventICMPv4IPv4TruncPkt
	EventICMPv4IPv4UnknownVer

	EventICMPv6UnknownType
	EventICMPv6UnknownCode
	EventICMPv6PktTooSmall
	EventICMPv6IPv6UnknownVersion
	EventICMPv6IPv6TruncPkt
	EventICMPv6MLDMessageWithInvalidHL
	EventICMPv6UnassignedType
	EventICMPv6ExperimentationType

	EventTCPPktTooSmall
	EventTCPHLenTooSmall
	EventTCPInvalidOptLen
	EventTCPOptInvalidLen
	EventTCPOptDuplicate

	EventUDPPktTooSmall
	EventUDPHLenTooSmall
	EventUDPHLenInvalid
	EventUDPLenInvalid

	EventSCTPPktTooSmall
	EventESPPktTooSmall

	EventSLLPktTooSmall
	EventSLL2PktTooSmall
	EventEthernetPktTooSmall
	EventEthernetUnknownEtherType
	EventIPRawInvalidIPVersion
	EventNullPktTooSmall
	EventNullUnsupportedType
	EventCHDLCPktTooSmall
	EventDCEPktTooSmall
	EventAFPacketTruncPkt

	EventPPPPktTooSmall
	EventPPPVJUPktTooSmall
	EventPPPIP4PktTooSmall
	EventPPPIP6PktTooSmall
	EventPPPWrongType
	EventPPPUnsupProto
	EventPPPoEPktTooSmall
	EventPPPoEWrongCode
	EventPPPoEMalformedTags

	EventGREPktTooSmall
	EventGREWrongVersion
	EventGREVersion0Recur
	EventGREVersion0Flags
	EventGREVersion0HdrTooBig
	EventGREVersion0MalformedSREHdr
	EventGREVersion1Chksum
	EventGREVersion1Route
	EventGREVersion1SSR
	EventGREVersion1Recur
	EventGREVersion1Flags
	EventGREVersion1NoKey
	EventGREVersion1WrongProtocol
	EventGREVersion1MalformedSREHdr
	EventGREVersion1HdrTooBig

	EventVLANHeaderTooSmall
	EventVLANUnknownType
	EventVLANTooManyLayers
	EventIEEE8021ahHeaderTooSmall
	EventVNTagHeaderTooSmall
	EventVNTagUnknownType

	EventMPLSHeaderTooSmall
	EventMPLSPktTooSmall
	EventMPLSBadLabelRouterAlert
	EventMPLSBadLabelImplicitNull
	EventMPLSBadLabelReserved
	EventMPLSUnknownPayloadType

	EventVXLANUnknownPayloadType
	EventGENEVEUnknownPayloadType
	EventERSPANHeaderTooSmall
	EventERSPANUnsupportedVersion
	EventERSPANTooManyVLANLayers

	EventNSHHeaderTooSmall
	EventNSHUnsupportedVersion
	EventNSHBadHeaderLength
	EventNSHReservedType
	EventNSHUnsupportedType
	EventNSHUnknownPayload

	EventARPPktTooSmall
	EventARPUnsupportedHardware
	EventARPUnsupportedProtocol
	EventARPInvalidPkt
	EventARPInvalidHardwareSize
	EventARPInvalidProtocolSize
	EventARPUnsupportedOpcode

	EventTooManyLayers

	// NumEvents is the number of decoder events.
	NumEvents
)
