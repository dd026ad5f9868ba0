package audit

import (
	"strings"

	"github.com/ringfencehq/ringfence/internal/expr"
)

var policyEmailKey = contextFault(Rule{
	ID:       "POL025",
	Name:     "policy-email-key",
	Title:    "the policy tells people apart by their e-mail address",
	Severity: Medium,
	Fix:      "replace_policy",
	Source:   "62",
	Doc: `E-mail addresses change hands, come in several spellings of one mailbox, and may be claimed before they are confirmed. Who gets an address gets what
belongs to it.

Compare ids.`,
}, func(_ *Input, c expr.Context) string {
	if c.Kind == "user" || !email(c) {
		return ""
	}
	return "It reads " + c.Name + " " + strings.Join(c.Path, ".") + "."
})

// email reports whether a context read is of an e-mail address, by its name.
func email(c expr.Context) bool {
	if !strings.Contains(strings.ToLower(c.Key()), "mail") {
		return false
	}
	last := c.Name[strings.LastIndex(c.Name, ".")+1:]
	if len(c.Path) > 0 {
		last = c.Path[len(c.Path)-1]
	}
	last = strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(last))
	return last == "email" || last == "useremail" || last == "mail"
}
