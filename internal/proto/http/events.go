package http

import "github.com/mirrorwall/mirrorwall/internal/proto"

// Application events: the index is the id in TxBase.Events.
const (
	evUnknown uint8 = iota
	evGzipFailed
	evReqNoColon
	evResNoColon
	evReqChunkLen
	evResChunkLen
	evReqTE
	evResTE
	evReqCL
	evResCL
	evReqDupCL
	evResDupCL
	evContinueSeen
	evUnmatched
	evServerPort
	evAuthorityPort
	evReqHeaderInvalid
	evResHeaderInvalid
	evNoHost
	evHostAmbiguous
	evReqFolding
	evResFolding
	evReqTooLong
	evResTooLong
	evPortMismatch
	evURIHost
	evHeaderHost
	evAuthUnrecognized
	evReqRepetition
	evResRepetition
	evByteranges
	evResAbnormalTE
	evChunkedOld
	evResProtocol
	evResStatus
	evReqIncomplete
	evDoubleEncoded
	evReqLineInvalid
	evMethodDelim
	evURIDelim
	evLeadingSpace
	evTooManyLayers
	evAbnormalCE
	evReqBodyUnexpected
	evResBodyInternal
	evResBodyUnexpected
	evLZMAMem
	evLZMADisabled
	evBomb
	evTooManyWarnings
	evRange
	evFileName
	evUpgradeFailed
	evNoProtocol
	evReqChunkExt
	evReqTooManyHeaders
	evResTooManyHeaders
	evMultipart
	evMultipartNoFile
	evMultipartHeader
	evTooManyTx
)

// eventNames returns the events in Suricata's spelling: upper case as its
// anomaly records show them; rules name them without regard to case.
func eventNames() []string {
	return []string{
		evUnknown:           "UNKNOWN_ERROR",
		evGzipFailed:        "GZIP_DECOMPRESSION_FAILED",
		evReqNoColon:        "REQUEST_FIELD_MISSING_COLON",
		evResNoColon:        "RESPONSE_FIELD_MISSING_COLON",
		evReqChunkLen:       "INVALID_REQUEST_CHUNK_LEN",
		evResChunkLen:       "INVALID_RESPONSE_CHUNK_LEN",
		evReqTE:             "INVALID_TRANSFER_ENCODING_VALUE_IN_REQUEST",
		evResTE:             "INVALID_TRANSFER_ENCODING_VALUE_IN_RESPONSE",
		evReqCL:             "INVALID_CONTENT_LENGTH_FIELD_IN_REQUEST",
		evResCL:             "INVALID_CONTENT_LENGTH_FIELD_IN_RESPONSE",
		evReqDupCL:          "DUPLICATE_CONTENT_LENGTH_FIELD_IN_REQUEST",
		evResDupCL:          "DUPLICATE_CONTENT_LENGTH_FIELD_IN_RESPONSE",
		evContinueSeen:      "100_CONTINUE_ALREADY_SEEN",
		evUnmatched:         "UNABLE_TO_MATCH_RESPONSE_TO_REQUEST",
		evServerPort:        "INVALID_SERVER_PORT_IN_REQUEST",
		evAuthorityPort:     "INVALID_AUTHORITY_PORT",
		evReqHeaderInvalid:  "REQUEST_HEADER_INVALID",
		evResHeaderInvalid:  "RESPONSE_HEADER_INVALID",
		evNoHost:            "MISSING_HOST_HEADER",
		evHostAmbiguous:     "HOST_HEADER_AMBIGUOUS",
		evReqFolding:        "INVALID_REQUEST_FIELD_FOLDING",
		evResFolding:        "INVALID_RESPONSE_FIELD_FOLDING",
		evReqTooLong:        "REQUEST_FIELD_TOO_LONG",
		evResTooLong:        "RESPONSE_FIELD_TOO_LONG",
		evPortMismatch:      "REQUEST_SERVER_PORT_TCP_PORT_MISMATCH",
		evURIHost:           "REQUEST_URI_HOST_INVALID",
		evHeaderHost:        "REQUEST_HEADER_HOST_INVALID",
		evAuthUnrecognized:  "REQUEST_AUTH_UNRECOGNIZED",
		evReqRepetition:     "REQUEST_HEADER_REPETITION",
		evResRepetition:     "RESPONSE_HEADER_REPETITION",
		evByteranges:        "RESPONSE_MULTIPART_BYTERANGES",
		evResAbnormalTE:     "RESPONSE_ABNORMAL_TRANSFER_ENCODING",
		evChunkedOld:        "RESPONSE_CHUNKED_OLD_PROTO",
		evResProtocol:       "RESPONSE_INVALID_PROTOCOL",
		evResStatus:         "RESPONSE_INVALID_STATUS",
		evReqIncomplete:     "REQUEST_LINE_INCOMPLETE",
		evDoubleEncoded:     "DOUBLE_ENCODED_URI",
		evReqLineInvalid:    "REQUEST_LINE_INVALID",
		evMethodDelim:       "METHOD_DELIM_NON_COMPLIANT",
		evURIDelim:          "URI_DELIM_NON_COMPLIANT",
		evLeadingSpace:      "REQUEST_LINE_LEADING_WHITESPACE",
		evTooManyLayers:     "TOO_MANY_ENCODING_LAYERS",
		evAbnormalCE:        "ABNORMAL_CE_HEADER",
		evReqBodyUnexpected: "REQUEST_BODY_UNEXPECTED",
		evResBodyInternal:   "RESPONSE_BODY_INTERNAL_ERROR",
		evResBodyUnexpected: "RESPONSE_BODY_UNEXPECTED",
		evLZMAMem:           "LZMA_MEMLIMIT_REACHED",
		evLZMADisabled:      "LZMA_DECOMPRESSION_DISABLED",
		evBomb:              "COMPRESSION_BOMB",
		evTooManyWarnings:   "TOO_MANY_WARNINGS",
		evRange:             "RANGE_INVALID",
		evFileName:          "FILE_NAME_TOO_LONG",
		evUpgradeFailed:     "FAILED_PROTOCOL_CHANGE",
		evNoProtocol:        "REQUEST_LINE_MISSING_PROTOCOL",
		evReqChunkExt:       "REQUEST_CHUNK_EXTENSION",
		evReqTooManyHeaders: "REQUEST_TOO_MANY_HEADERS",
		evResTooManyHeaders: "RESPONSE_TOO_MANY_HEADERS",
		evMultipart:         "MULTIPART_GENERIC_ERROR",
		evMultipartNoFile:   "MULTIPART_NO_FILEDATA",
		evMultipartHeader:   "MULTIPART_INVALID_HEADER",
		evTooManyTx:         "TOO_MANY_TRANSACTIONS",
	}
}

// either picks the event of direction d.
func either(d proto.Dir, req, res uint8) uint8 {
	if d == proto.ToServer {
		return req
	}
	return res
}
