// Package frame is RFC 6455 on the wire: it takes frames out of a growing buffer, strictly and without copying, and appends
// frames to one. It performs no I/O and knows nothing of what messages mean. Headers, opcodes, status codes, header checks and
// the masking cipher are those of gobwas/ws; what that package leaves open (minimal lengths, code points split over frames
// and over reads, limits) is here.
//
// To add a rule of the protocol: the check in parser.go or close.go, and its case in the tables of the tests.
package frame
