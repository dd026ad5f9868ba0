package watch

import "strings"

// mark is in every statement that the watch asks as the application.
const mark = "ringfence_canary"

// control are the statements that hold no rows: what the server counts of them says nothing.
var control = map[string]bool{"begin": true, "start": true, "commit": true, "end": true, "rollback": true, "abort": true, "savepoint": true, "release": true, "set": true,
	"reset": true, "show": true, "discard": true, "deallocate": true, "listen": true, "unlisten": true, "lock": true, "explain": true, "prepare": true}

// isQuery reports whether a statement is one of the application's that reads or writes rows. What only sets the tenant is none.
func isQuery(text string) bool {
	text = strings.TrimSpace(text)
	for strings.HasPrefix(text, "--") || strings.HasPrefix(text, "/*") {
		end := "\n"
		if text[0] == '/' {
			end = "*/"
		}
		_, after, ok := strings.Cut(text, end)
		if !ok {
			return false
		}
		text = strings.TrimSpace(after)
	}
	if text == "" || strings.Contains(text, mark) {
		return false
	}
	word := firstWord(text)
	return !control[word] && !(word == "select" && strings.Contains(text, "set_config(") && !strings.Contains(strings.ToLower(text), " from "))
}

// squeeze makes every run of white space one blank: the server keeps a statement's text as whoever came first wrote it.
func squeeze(text string) string { return strings.Join(strings.Fields(text), " ") }

// firstWord is a statement's first word, in lower case.
func firstWord(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n(;", r) })
	if len(words) == 0 {
		return ""
	}
	return strings.ToLower(words[0])
}
