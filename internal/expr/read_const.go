package expr

import (
	"encoding/hex"
	"strings"
)

// constant reads a CONST: its bytes always, its value where the type's form is known.
func (b *builder) constant(n *node) Expr {
	c := &Const{TypeOID: n.get("consttype").oid(), Collation: n.get("constcollid").oid(), Null: n.get("constisnull").bool()}
	if c.Null {
		c.Known = true
		return c
	}
	v := n.get("constvalue")
	c.Raw = hex.EncodeToString(v.bytes)
	d := &decoder{r: b.r, length: n.get("constlen").int()}
	b.r.decodeConst(c, d, v.bytes)
	return c
}

// decodeConst gives c its text, and its elements where it is an array.
func (r *Reader) decodeConst(c *Const, d *decoder, raw []byte) {
	base := r.names.base(c.TypeOID)
	if t := r.names.typeOf(base); t != nil && t.Category == "A" && t.Element != 0 {
		c.Elements, c.Known = d.array(raw, t.Element, c.Collation)
		if c.Known {
			c.Text = arrayText(c.Elements)
		}
		return
	}
	c.Text, c.Known = d.scalar(base, raw)
}

// arrayText writes elements as array_out does.
func arrayText(elements []*Const) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, e := range elements {
		if i > 0 {
			b.WriteByte(',')
		}
		switch {
		case e.Null:
			b.WriteString("NULL")
		case needsQuotes(e.Text):
			b.WriteByte('"')
			b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(e.Text))
			b.WriteByte('"')
		default:
			b.WriteString(e.Text)
		}
	}
	b.WriteByte('}')
	return b.String()
}

func needsQuotes(s string) bool {
	return s == "" || strings.EqualFold(s, "null") || strings.ContainsAny(s, "{}\",\\ \t\n\r\v\f")
}
