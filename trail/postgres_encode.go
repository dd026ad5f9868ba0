package trail

import (
	"encoding/binary"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// appendOIDs are the parameter types of the append function, in the order of its arguments.
var appendOIDs = []uint32{
	pgtype.UUIDArrayOID, pgtype.TextArrayOID, pgtype.TextArrayOID, pgtype.TextArrayOID, pgtype.TextArrayOID, pgtype.TextArrayOID,
	pgtype.TextArrayOID, pgtype.TextArrayOID, pgtype.TextArrayOID, pgtype.TimestamptzArrayOID, pgtype.UUIDArrayOID, pgtype.TextArrayOID,
	pgtype.Int8ArrayOID, pgtype.Int8ArrayOID, pgtype.Int8ArrayOID, pgtype.TimestamptzArrayOID, pgtype.TimestamptzArrayOID,
	pgtype.JSONBArrayOID, pgtype.ByteaArrayOID, pgtype.ByteaArrayOID,
}

// binary1 says that all parameters, or all results, are in binary.
var binary1 = []int16{1}

// encodeBatch writes the events as PostgreSQL's binary arrays, one a column. Doing so by hand costs a fifth of what encoding by
// reflection does, which counts when a backlog drains.
func encodeBatch(events []Event) [][]byte {
	texts := func(of func(*Event) string) []byte {
		return encodeArray(events, pgtype.TextOID, func(b []byte, e *Event) []byte { return append(b, of(e)...) })
	}
	nullable := func(of func(*Event) string) []byte { return encodeNullable(events, of) }
	ints := func(of func(*Event) int64) []byte {
		return encodeArray(events, pgtype.Int8OID, func(b []byte, e *Event) []byte { return appendInt(b, of(e)) })
	}
	times := func(of func(*Event) time.Time) []byte {
		return encodeArray(events, pgtype.TimestamptzOID, func(b []byte, e *Event) []byte { return appendInt(b, of(e).UnixMicro()-postgresEpoch) })
	}
	return [][]byte{
		encodeArray(events, pgtype.UUIDOID, func(b []byte, e *Event) []byte { return append(b, e.Row[:]...) }),
		texts(func(e *Event) string { return string(e.Type) }),
		texts(func(e *Event) string { return e.User }),
		texts(func(e *Event) string { return e.Tenant }),
		texts(func(e *Event) string { return e.AttemptedTenant }),
		nullable(func(e *Event) string { return e.Session }),
		nullable(func(e *Event) string { return e.Address }),
		nullable(func(e *Event) string { return e.UserAgent }),
		texts(func(e *Event) string { return string(e.Severity) }),
		times(func(e *Event) time.Time { return e.Created }),
		encodeArray(events, pgtype.UUIDOID, func(b []byte, e *Event) []byte { return append(b, e.ID[:]...) }),
		texts(func(e *Event) string { return e.Node }),
		ints(func(e *Event) int64 { return e.Epoch }),
		ints(func(e *Event) int64 { return e.Sequence }),
		ints(func(e *Event) int64 { return e.Count }),
		times(func(e *Event) time.Time { return e.First }),
		times(func(e *Event) time.Time { return e.Last }),
		encodeArray(events, pgtype.JSONBOID, appendDetail),
		encodeArray(events, pgtype.ByteaOID, func(b []byte, e *Event) []byte { return append(b, e.Hash[:]...) }),
		encodeArray(events, pgtype.ByteaOID, func(b []byte, e *Event) []byte { return append(b, e.Previous[:]...) }),
	}
}

// postgresEpoch is 2000-01-01 in microseconds since 1970: what timestamps count from.
const postgresEpoch = 946684800 * 1e6

// appendDetail writes a jsonb: its version, then JSON with sorted keys.
func appendDetail(b []byte, e *Event) []byte {
	if len(e.Detail) == 0 {
		return append(b, "\x01{}"...)
	}
	text, err := json.Marshal(e.Detail)
	if err != nil {
		panic("trail: a map of strings has no JSON form: " + err.Error())
	}
	return append(append(b, 1), text...)
}

// encodeArray writes a one-dimensional array without NULLs.
func encodeArray(events []Event, element uint32, value func([]byte, *Event) []byte) []byte {
	b := arrayHeader(len(events), 0, element)
	for i := range events {
		at := len(b)
		b = value(append(b, 0, 0, 0, 0), &events[i])
		binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	}
	return b
}

// encodeNullable writes an array of texts in which the empty text is NULL.
func encodeNullable(events []Event, of func(*Event) string) []byte {
	b := arrayHeader(len(events), 1, pgtype.TextOID)
	for i := range events {
		s := of(&events[i])
		if s == "" {
			b = append(b, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		b = appendText(b, s)
	}
	return b
}

// arrayHeader begins an array: dimensions, whether NULLs occur, the elements' type, their number, the first index.
func arrayHeader(n int, nulls, element uint32) []byte {
	b := make([]byte, 0, 20+24*n)
	for _, v := range []uint32{1, nulls, element, uint32(n), 1} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}
