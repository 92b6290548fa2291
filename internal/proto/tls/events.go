package tls

import (
	"github.com/mirrorwall/mirrorwall/internal/proto/internal/tlshello"
	"github.com/mirrorwall/mirrorwall/internal/proto/internal/x509"
)

// Events, by Suricata's names.
const (
	evInvalidSSLv2Header = iota
	evInvalidTLSHeader
	evInvalidRecordVersion
	evInvalidRecordType
	evInvalidRecordLength
	evInvalidHandshakeMessage
	evHeartbeatMessage
	evInvalidHeartbeatMessage
	evOverflowHeartbeatMessage
	evDataleakHeartbeatMismatch
	evHandshakeInvalidLength
	evMultipleSNIExtensions
	evInvalidSNIType
	evInvalidSNILength
	evTooManyRecordsInPacket
	evInvalidAlertMessage
	evInvalidCertificate
	evCertificateMissingElement
	evCertificateUnknownElement
	evCertificateInvalidLength
	evCertificateInvalidVersion
	evCertificateInvalidSerial
	evCertificateInvalidAlgorithmIdentifier
	evCertificateInvalidX509Name
	evCertificateInvalidDate
	evCertificateInvalidExtensions
	evCertificateInvalidDER
	evCertificateInvalidSubject
	evCertificateInvalidIssuer
	evCertificateInvalidValidity
	evCertificateInvalidString
	evErrorMessageEncountered
	evInvalidSSLRecord
)

func eventNames() []string {
	return []string{
		evInvalidSSLv2Header:                    "invalid_sslv2_header",
		evInvalidTLSHeader:                      "invalid_tls_header",
		evInvalidRecordVersion:                  "invalid_record_version",
		evInvalidRecordType:                     "invalid_record_type",
		evInvalidRecordLength:                   "invalid_record_length",
		evInvalidHandshakeMessage:               "invalid_handshake_message",
		evHeartbeatMessage:                      "heartbeat_message",
		evInvalidHeartbeatMessage:               "invalid_heartbeat_message",
		evOverflowHeartbeatMessage:              "overflow_heartbeat_message",
		evDataleakHeartbeatMismatch:             "dataleak_heartbeat_mismatch",
		evHandshakeInvalidLength:                "handshake_invalid_length",
		evMultipleSNIExtensions:                 "multiple_sni_extensions",
		evInvalidSNIType:                        "invalid_sni_type",
		evInvalidSNILength:                      "invalid_sni_length",
		evTooManyRecordsInPacket:                "too_many_records_in_packet",
		evInvalidAlertMessage:                   "invalid_alert_message",
		evInvalidCertificate:                    "invalid_certificate",
		evCertificateMissingElement:             "certificate_missing_element",
		evCertificateUnknownElement:             "certificate_unknown_element",
		evCertificateInvalidLength:              "certificate_invalid_length",
		evCertificateInvalidVersion:             "certificate_invalid_version",
		evCertificateInvalidSerial:              "certificate_invalid_serial",
		evCertificateInvalidAlgorithmIdentifier: "certificate_invalid_algorithmidentifier",
		evCertificateInvalidX509Name:            "certificate_invalid_x509name",
		evCertificateInvalidDate:                "certificate_invalid_date",
		evCertificateInvalidExtensions:          "certificate_invalid_extensions",
		evCertificateInvalidDER:                 "certificate_invalid_der",
		evCertificateInvalidSubject:             "certificate_invalid_subject",
		evCertificateInvalidIssuer:              "certificate_invalid_issuer",
		evCertificateInvalidValidity:            "certificate_invalid_validity",
		evCertificateInvalidString:              "certificate_invalid_string",
		evErrorMessageEncountered:               "error_message_encountered",
		evInvalidSSLRecord:                      "invalid_ssl_record",
	}
}

// faultEvent is the event for a certificate that could not be read whole.
func faultEvent(f x509.Fault) uint8 {
	switch f {
	case x509.BadDER:
		return evCertificateInvalidDER
	case x509.BadLength:
		return evCertificateInvalidLength
	case x509.BadVersion:
		return evCertificateInvalidVersion
	case x509.BadSerial:
		return evCertificateInvalidSerial
	case x509.BadAlgorithm:
		return evCertificateInvalidAlgorithmIdentifier
	case x509.BadIssuer:
		return evCertificateInvalidIssuer
	case x509.BadValidity:
		return evCertificateInvalidValidity
	case x509.BadDate:
		return evCertificateInvalidDate
	case x509.BadSubject:
		return evCertificateInvalidSubject
	case x509.BadExtensions:
		return evCertificateInvalidExtensions
	}
	return evInvalidCertificate
}

// flawEvents adds the events for a hello's flaws.
func (t *tx) flawEvents(f tlshello.Flaw) {
	if f&tlshello.Truncated != 0 {
		t.Events.Add(evHandshakeInvalidLength)
		t.Events.Add(evInvalidHandshakeMessage)
	}
	if f&tlshello.ManySNI != 0 {
		t.Events.Add(evMultipleSNIExtensions)
	}
	if f&tlshello.BadSNIType != 0 {
		t.Events.Add(evInvalidSNIType)
	}
	if f&tlshello.BadSNILen != 0 {
		t.Events.Add(evInvalidSNILength)
	}
}
