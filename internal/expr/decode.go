package expr

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// A decoder reads the bytes of a datum as a little-endian server keeps them (every platform that PostgreSQL is packaged
// for but s390x). What does not fit its own lengths is not decoded.
type decoder struct {
	r      *Reader
	length int // typlen: -1 varlena, -2 C string, else bytes
}

// scalar writes a value in its output form; false where the type's form is not known here or the bytes do not fit it.
func (d *decoder) scalar(typ uint32, raw []byte) (string, bool) {
	if d.length == -2 {
		return strings.TrimSuffix(string(raw), "\x00"), true
	}
	if d.length == -1 {
		payload, ok := varlena(raw)
		if !ok {
			return "", false
		}
		return d.variable(typ, payload)
	}
	if d.length <= 0 || len(raw) < d.length {
		return "", false
	}
	return d.fixed(typ, raw[:d.length])
}

// fixed decodes types of fixed length.
func (d *decoder) fixed(typ uint32, raw []byte) (string, bool) {
	switch len(raw) {
	case 1:
		return one(typ, raw[0])
	case 2:
		return strconv.Itoa(int(int16(binary.LittleEndian.Uint16(raw)))), typ == 21
	case 4:
		return d.four(typ, binary.LittleEndian.Uint32(raw))
	case 8:
		return eight(typ, binary.LittleEndian.Uint64(raw))
	case 16:
		h := hex.EncodeToString(raw)
		return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:], typ == 2950
	case 64:
		name, _, _ := strings.Cut(string(raw), "\x00")
		return name, typ == 19
	}
	return "", false
}

func one(typ uint32, b byte) (string, bool) {
	switch {
	case typ == boolOID:
		return strconv.FormatBool(b != 0), true
	case typ == 18 && b == 0:
		return "", true
	case typ == 18 && b < 0x80:
		return string(rune(b)), true
	}
	return "", false
}

func (d *decoder) four(typ uint32, v uint32) (string, bool) {
	switch typ {
	case 23:
		return strconv.Itoa(int(int32(v))), true
	case 26:
		return strconv.FormatUint(uint64(v), 10), true
	case 700:
		return floatText(float64(math.Float32frombits(v)), 32), true
	case 1082:
		return dateText(int64(int32(v)))
	case 2205, 2202, 2206, 2204, 4089, 4096:
		return d.object(typ, v)
	}
	return d.label(typ, v)
}

// object names what a reg* constant points at, by the snapshot.
func (d *decoder) object(typ, oid uint32) (string, bool) {
	switch typ {
	case 2205:
		if rel := d.r.snap.RelationByOID(oid); rel != nil {
			return rel.Identity(), true
		}
	case 2202:
		if f := d.r.function(oid); f != nil {
			return f.Identity(), true
		}
	case 2204:
		if o := d.r.operator(oid); o != nil {
			return o.Identity(), true
		}
	case 2206:
		return d.r.typeName(oid), d.r.names.typeOf(oid) != nil
	case 4089:
		for i := range d.r.snap.Schemas {
			if d.r.snap.Schemas[i].OID == oid {
				return catalog.QuoteIdent(d.r.snap.Schemas[i].Name), true
			}
		}
	case 4096:
		for i := range d.r.snap.Roles {
			if d.r.snap.Roles[i].OID == oid {
				return catalog.QuoteIdent(d.r.snap.Roles[i].Name), true
			}
		}
	}
	return "", false
}

func eight(typ uint32, v uint64) (string, bool) {
	switch typ {
	case 20:
		return strconv.FormatInt(int64(v), 10), true
	case 701:
		return floatText(math.Float64frombits(v), 64), true
	case 1114:
		return timeText(int64(v), "")
	case 1184:
		return timeText(int64(v), "+00")
	}
	return "", false
}

func floatText(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e15) {
		return strconv.FormatFloat(f, 'e', -1, bits)
	}
	return strconv.FormatFloat(f, 'f', -1, bits)
}

// epoch is the day that PostgreSQL counts from.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func dateText(days int64) (string, bool) {
	switch days {
	case math.MaxInt32:
		return "infinity", true
	case math.MinInt32:
		return "-infinity", true
	}
	t := epoch.AddDate(0, 0, int(days))
	return t.Format("2006-01-02"), t.Year() > 0 && t.Year() < 10000
}

func timeText(micros int64, zone string) (string, bool) {
	switch micros {
	case math.MaxInt64:
		return "infinity", true
	case math.MinInt64:
		return "-infinity", true
	}
	t := time.UnixMicro(epoch.UnixMicro() + micros).UTC()
	return t.Format("2006-01-02 15:04:05.999999") + zone, t.Year() > 0 && t.Year() < 10000
}

// varlena takes the length word off; compressed and toasted values are not read.
func varlena(raw []byte) ([]byte, bool) {
	if len(raw) == 0 {
		return nil, false
	}
	if raw[0]&1 == 1 {
		size := int(raw[0] >> 1)
		if size == 0 || size != len(raw) {
			return nil, false
		}
		return raw[1:], true
	}
	if len(raw) < 4 {
		return nil, false
	}
	word := binary.LittleEndian.Uint32(raw)
	if word&3 != 0 || int(word>>2) != len(raw) {
		return nil, false
	}
	return raw[4:], true
}

// variable decodes types of variable length.
func (d *decoder) variable(typ uint32, payload []byte) (string, bool) {
	switch typ {
	case 25, 1042, 1043, 114:
		return string(payload), true
	case 17:
		return `\x` + hex.EncodeToString(payload), true
	case 1700:
		return numericText(payload)
	case 3802:
		return jsonbText(payload)
	}
	if t := d.r.names.typeOf(typ); t != nil && t.Kind == "base" && t.Name == "citext" && t.Extension == "citext" {
		return string(payload), true
	}
	return "", false
}

// label names an enum's value.
func (d *decoder) label(typ, oid uint32) (string, bool) {
	t := d.r.snap.TypeByOID(typ)
	if t == nil || t.Kind != "enum" || len(t.LabelOIDs) != len(t.Labels) {
		return "", false
	}
	for i, o := range t.LabelOIDs {
		if o == oid {
			return t.Labels[i], true
		}
	}
	return "", false
}
