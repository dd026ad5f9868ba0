package plan

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// validate checks what enters SQL without being quoted: types, stored expressions, privileges. A Snapshot may come from a
// file that a stranger wrote.
func (t Target) validate() error {
	var errs []error
	types := append([]string{t.Type}, t.Arguments...)
	if t.Index != nil {
		for _, k := range t.Index.Keys {
			types = append(types, k.Cast)
		}
	}
	if t.Policy != nil {
		types = append(types, t.Policy.Rows.types()...)
		if polcmd[t.Policy.Command] == "" {
			errs = append(errs, fmt.Errorf("checking a policy: %.40q is no command", t.Policy.Command))
		}
	}
	if t.Parent != nil {
		types = append(types, Predicate{Parent: t.Parent}.types()...)
	}
	if t.Rows != nil {
		types = append(types, t.Rows.types()...)
	}
	for _, typ := range types {
		errs = append(errs, checkType(typ))
	}
	errs = append(errs, checkExclusion(t.Exclusion), checkReturns(t.Returns))
	if t.WasPolicy != nil {
		errs = append(errs, t.WasPolicy.validate())
	}
	for _, p := range t.Privileges {
		errs = append(errs, checkPrivilege(p))
	}
	for _, g := range t.Was {
		errs = append(errs, checkPrivilege(g.Privilege))
	}
	if t.Value != "" && t.Setting == "" && roleAttributes[t.Value].word == "" {
		errs = append(errs, fmt.Errorf("checking a role's attribute: %.40q is none", t.Value))
	}
	if t.ObjectType != "" && defaultObjects[t.ObjectType] == "" {
		errs = append(errs, fmt.Errorf("checking a grant: %.40q is no kind of object", t.ObjectType))
	}
	if t.Reference != nil {
		errs = append(errs, checkAction(t.Reference.OnDelete), checkAction(t.Reference.OnUpdate))
	}
	return errors.Join(errs...)
}

func (p StoredPolicy) validate() error {
	if polcmd[p.Command] == "" {
		return fmt.Errorf("checking a stored policy: %.40q is no command", p.Command)
	}
	return errors.Join(checkExpression(p.Using), checkExpression(p.Check))
}

func (p Predicate) types() []string {
	var out []string
	if p.Key != nil {
		out = append(out, p.Key.Type, p.Key.ColumnCast)
	}
	if p.Parent != nil {
		for _, on := range p.Parent.On {
			out = append(out, on.ColumnCast, on.RefCast)
		}
		out = append(out, p.Parent.Rows.types()...)
	}
	return out
}

// privileges are the words GRANT knows for the kinds of object the planner touches.
var privileges = map[string]bool{
	"SELECT": true, "INSERT": true, "UPDATE": true, "DELETE": true, "TRUNCATE": true, "REFERENCES": true, "TRIGGER": true,
	"MAINTAIN": true, "USAGE": true, "EXECUTE": true, "CREATE": true, "ALL": true,
}

func checkPrivilege(p string) error {
	if !privileges[p] {
		return fmt.Errorf("checking a privilege: %.40q is none", p)
	}
	return nil
}

func checkAction(a string) error {
	switch a {
	case "", "NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT":
		return nil
	}
	return fmt.Errorf("checking a foreign key: %.40q is no action", a)
}

// checkType accepts what format_type prints: names, quoted or not, dots, a modifier of digits, array brackets.
func checkType(s string) error {
	bad := fmt.Errorf("checking a type: %.80q is not a type's name", s)
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return bad
	}
	depth, quoted := 0, false
	for _, r := range s {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted, r == '.', r == ' ', r == '_', r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '[', r == ']', r >= 0x80:
		case r == '(' && depth == 0:
			depth++
		case r == ')' && depth == 1:
			depth--
		case r == ',' && depth == 1:
		default:
			return bad
		}
	}
	if quoted || depth != 0 {
		return bad
	}
	return nil
}

// checkExpression accepts text that can only be one expression when it stands in parentheses: parentheses balance and never
// close the ones around it, strings and names are closed, and outside of them there is no semicolon, comment, dollar quote or
// escape string. What the server prints with pg_get_expr is of this form, but for escape strings, which it never prints while
// standard_conforming_strings is on.
func checkExpression(s string) error {
	bad := errors.New("checking a stored expression: it is not one expression in the server's form")
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return bad
	}
	depth := 0
	var quote rune
	var last rune
	for _, r := range s {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '\'' && (last == 'E' || last == 'e'), r == ';', r == '$', r == '-' && last == '-', r == '*' && last == '/':
			return bad
		case r == '\'' || r == '"':
			quote = r
		case r == '(':
			depth++
		case r == ')':
			if depth--; depth < 0 {
				return bad
			}
		}
		last = r
	}
	if depth != 0 || quote != 0 {
		return bad
	}
	return nil
}

// checkReturns accepts what a function returns: a type, SETOF a type, or TABLE with names and types.
func checkReturns(s string) error {
	if s == "" {
		return nil
	}
	columns, isTable := strings.CutPrefix(s, "TABLE (")
	if !isTable {
		return checkType(strings.TrimPrefix(s, "SETOF "))
	}
	inner, ends := strings.CutSuffix(columns, ")")
	if !ends {
		return fmt.Errorf("checking what a function returns: %.80q does not end with the table", s)
	}
	for _, column := range splitOutside(inner, ',') {
		if err := checkType(strings.TrimSpace(column)); err != nil {
			return fmt.Errorf("checking what a function returns: column %.80q is no name and type", column)
		}
	}
	return nil
}

// splitOutside splits at a separator that stands in neither quotes nor parentheses.
func splitOutside(s string, separator rune) []string {
	var out []string
	depth, quoted, from := 0, false, 0
	for i, r := range s {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == separator && depth == 0:
			out = append(out, s[from:i])
			from = i + 1
		}
	}
	return append(out, s[from:])
}
