package decide

import (
	"math/big"
	"strconv"
	"strings"
)

// parseUUID reads what PostgreSQL's uuid_in reads: braces optional, hyphens after any group of four digits.
func parseUUID(s string) (string, bool) {
	if strings.HasPrefix(s, "{") {
		if !strings.HasSuffix(s, "}") {
			return "", false
		}
		s = s[1 : len(s)-1]
	}
	digits := make([]byte, 0, 36)
	n := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f':
		case c >= 'A' && c <= 'F':
			c += 'a' - 'A'
		case c == '-' && n > 0 && n%4 == 0 && n < 32 && s[i-1] != '-':
			continue
		default:
			return "", false
		}
		if n == 8 || n == 12 || n == 16 || n == 20 {
			digits = append(digits, '-')
		}
		digits = append(digits, c)
		n++
	}
	return string(digits), n == 32
}

// parseInt reads what every version's integer input reads: blanks around, a sign, decimal digits.
func parseInt(s string) (string, bool) {
	s = strings.Trim(s, " \t\n\v\f\r")
	i, err := strconv.ParseInt(s, 10, 64)
	if err != nil || strings.Contains(s, "_") {
		return "", false
	}
	return strconv.FormatInt(i, 10), true
}

// parseNumeric reads a plain decimal number; known is false for the forms it leaves to the server (NaN, Infinity, hex, …).
func parseNumeric(s string) (out string, ok, known bool) {
	s = strings.Trim(s, " \t\n\v\f\r")
	if s == "" {
		return "", false, true
	}
	if !startsNumber(s) && s[0] != '.' {
		word := strings.ToLower(strings.TrimLeft(s, "+-"))
		return "", false, word != "" && !strings.HasPrefix("infinity", word) && word != "nan"
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok || strings.ContainsAny(s, "/xXoObB_pPeE") {
		return "", false, false
	}
	if r.IsInt() {
		return r.Num().String(), true, true
	}
	return strings.TrimRight(r.FloatString(20), "0"), true, true
}

// parseBool reads PostgreSQL's spellings of a boolean.
func parseBool(s string) (bool, bool) {
	s = strings.ToLower(strings.Trim(s, " \t\n\v\f\r"))
	if s == "" {
		return false, false
	}
	switch {
	case strings.HasPrefix("true", s), strings.HasPrefix("yes", s), s == "on", s == "1":
		return true, true
	case strings.HasPrefix("false", s), strings.HasPrefix("no", s), s == "off", s == "of", s == "0":
		return false, true
	}
	return false, false
}

// parseArray reads a one-dimensional array literal into the text of its elements; NULL elements are null.
func parseArray(s string) ([]value, bool) {
	s = strings.Trim(s, " \t\n\v\f\r")
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' {
		return nil, false
	}
	body := s[1 : len(s)-1]
	out := []value{}
	if strings.Trim(body, " ") == "" {
		return out, true
	}
	for {
		e, rest, ok := parseElement(body)
		if !ok {
			return nil, false
		}
		out = append(out, e)
		if rest == "" {
			return out, true
		}
		body = rest[1:]
	}
}

// parseElement reads one element up to the comma before rest, or to the end.
func parseElement(s string) (v value, rest string, ok bool) {
	s = strings.TrimLeft(s, " ")
	if strings.HasPrefix(s, `"`) {
		var b strings.Builder
		for i := 1; i < len(s); i++ {
			switch {
			case s[i] == '\\' && i+1 < len(s):
				i++
				b.WriteByte(s[i])
			case s[i] == '"':
				rest = strings.TrimLeft(s[i+1:], " ")
				return text(b.String()), rest, rest == "" || rest[0] == ','
			default:
				b.WriteByte(s[i])
			}
		}
		return null, "", false
	}
	end := strings.IndexByte(s, ',')
	if end < 0 {
		end = len(s)
	}
	word := strings.TrimRight(s[:end], " ")
	if word == "" || strings.ContainsAny(word, `{}"\`) {
		return null, "", false
	}
	if strings.EqualFold(word, "null") {
		return null, s[end:], true
	}
	return text(word), s[end:], true
}

func arrayText(elems []value) string {
	parts := make([]string, len(elems))
	for i, e := range elems {
		switch s := e.output(); {
		case e.null:
			parts[i] = "NULL"
		case s == "" || strings.EqualFold(s, "null") || strings.ContainsAny(s, "{}\",\\ \t\n"):
			parts[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
		default:
			parts[i] = s
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}
