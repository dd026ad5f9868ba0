package expr

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// numericText writes a numeric (numeric.c): a header with sign, weight and display scale, then base-10000 digits.
func numericText(p []byte) (string, bool) {
	if len(p) < 2 {
		return "", false
	}
	header := binary.LittleEndian.Uint16(p)
	switch header {
	case 0xC000:
		return "NaN", true
	case 0xD000:
		return "Infinity", true
	case 0xF000:
		return "-Infinity", true
	}
	var negative bool
	var scale, weight int
	if header&0xC000 == 0x8000 { // short form
		negative, scale, weight = header&0x2000 != 0, int(header&0x1F80)>>7, int(header&0x3F)
		if header&0x40 != 0 {
			weight -= 0x40
		}
		p = p[2:]
	} else {
		if len(p) < 4 {
			return "", false
		}
		negative, scale, weight = header&0xC000 == 0x4000, int(header&0x3FFF), int(int16(binary.LittleEndian.Uint16(p[2:])))
		p = p[4:]
	}
	return numericDigits(p, negative, scale, weight)
}

func numericDigits(p []byte, negative bool, scale, weight int) (string, bool) {
	if len(p)%2 != 0 || weight > 1000 || weight < -1000 || scale > 4000 {
		return "", false
	}
	digit := func(i int) int {
		if i < 0 || 2*i+1 >= len(p) {
			return 0
		}
		return int(binary.LittleEndian.Uint16(p[2*i:]))
	}
	var whole, fraction strings.Builder
	for i := 0; i <= weight; i++ {
		fmt.Fprintf(&whole, "%04d", digit(i))
	}
	for i := weight + 1; fraction.Len() < scale; i++ {
		fmt.Fprintf(&fraction, "%04d", digit(i))
	}
	out := strings.TrimLeft(whole.String(), "0")
	if out == "" {
		out = "0"
	}
	if scale > 0 {
		out += "." + fraction.String()[:scale]
	}
	if negative {
		out = "-" + out
	}
	return out, true
}
