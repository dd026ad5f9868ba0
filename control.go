package ringfence

import "errors"

// Why a statement was refused; the Refusal's event carries the text as its reason.
var (
	errControl   = errors.New("transaction control belongs to the library: use Begin, Commit, Rollback and RunTx")
	errSeveral   = errors.New("one statement a call: use a batch for several")
	errSession   = errors.New("a change of the session outlives the transaction, and would reach another tenant")
	errContext   = errors.New("the tenant context is the library's to set")
	errRole      = errors.New("the role is the one that Check vouched for")
	errTemporary = errors.New("a temporary object or a cursor WITH HOLD outlives the transaction: end its declaration with ON COMMIT DROP, or leave it")
	errAdvisory  = errors.New("a lock of the session outlives the transaction: use pg_advisory_xact_lock")
	errCopy      = errors.New("COPY goes by CopyFrom")
	errUnicode   = errors.New("an identifier written as U&\"…\" cannot be read here: write it plainly")
	errSetConfig = errors.New("set_config wants its setting's name as a plain literal, and true at its end")
)

// checkStatement refuses what an application's own statement may not do inside a transaction that belongs to the library:
// end or begin one, change the session, or set the tenant context. It reads one statement's tokens; what functions,
// procedures and DO blocks do inside cannot be seen here. names are the settings that hold the context.
func checkStatement(sql string, names []string) error {
	l := lexer{sql: sql}
	for l.next() && l.kind == tokenSymbol && (l.text == ";" || l.text == "(") {
		// An empty statement before, or a query in brackets.
	}
	if l.kind == tokenWord {
		if err := checkFirst(l, names); err != nil {
			return err
		}
	}
	return checkRest(l, names)
}

// checkFirst looks at the keyword that a statement begins with.
func checkFirst(l lexer, names []string) error {
	switch word := l.text; {
	case isWord(word, "begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release", "prepare"):
		return errControl
	case isWord(word, "reset", "discard", "listen", "unlisten", "deallocate", "load", "checkpoint"):
		return errSession
	case isWord(word, "copy"):
		return errCopy
	case isWord(word, "set"):
		return checkSet(l, names)
	case isWord(word, "alter"):
		return checkAlter(l)
	}
	return nil
}

// checkSet allows SET LOCAL of settings that hold no context and no role, and SET CONSTRAINTS.
func checkSet(l lexer, names []string) error {
	l.next()
	switch {
	case isWord(l.text, "constraints"):
		return nil
	case isWord(l.text, "transaction"):
		return errControl
	case !isWord(l.text, "local"):
		return errSession
	}
	name := ""
	for l.next() && (l.kind == tokenWord || l.kind == tokenQuoted || l.text == ".") {
		if isWord(l.text, "to") && l.kind == tokenWord {
			break
		}
		name += l.text
	}
	switch {
	case l.kind == tokenOpaque:
		return errUnicode
	case begins(name, "transaction"):
		return errControl
	case begins(name, "session"), begins(name, "role"): // SESSION AUTHORIZATION and ROLE have no sign before the value
		return errRole
	case isWord(name, names...):
		return errContext
	}
	return nil
}

// checkAlter refuses to keep a setting in a role, a database or the server.
func checkAlter(l lexer) error {
	l.next()
	if isWord(l.text, "role", "user", "database", "system", "group") {
		return errSession
	}
	return nil
}

// checkRest reads the tokens after the first keyword.
func checkRest(l lexer, names []string) error {
	var k keeper
	updates := false
	for ended := false; ; {
		k.see(l)
		if (l.kind == tokenWord || l.kind == tokenQuoted) && isWord(l.text, "set_config") {
			if err := checkSetConfig(l, names); err != nil {
				return err
			}
		}
		switch {
		case (l.kind == tokenWord || l.kind == tokenQuoted) && isWord(l.text, "pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock", "pg_try_advisory_lock_shared"):
			return errAdvisory
		case l.kind == tokenOpaque && l.text == `U&"`:
			return errUnicode
		case l.kind == tokenWord && isWord(l.text, "update"):
			updates = true
		case updates && l.kind != tokenString && isWord(l.text, "pg_settings"):
			return errSession // the view's rule sets for the session
		}
		if !l.next() {
			return k.verdict()
		}
		if l.kind == tokenSymbol && l.text == ";" {
			ended = true
		} else if ended {
			return errSeveral
		}
	}
}

// keeper notices what would keep one tenant's rows in the session: temporary objects that do not end with the transaction,
// and cursors that are held.
type keeper struct {
	first, before, last string // words: the first one, and the two read last
	keeps               bool
	drops               int // how much of ON COMMIT DROP was read
}

func (k *keeper) see(l lexer) {
	if l.kind != tokenWord && l.kind != tokenQuoted {
		return
	}
	word := l.text
	if k.first == "" {
		k.first = word
	}
	creates := isWord(k.first, "create")
	into := isWord(k.last, "into", "local", "global") && !isWord(k.before, "insert", "merge")
	switch {
	case isWord(word, "temp", "temporary") && (into || creates && isWord(k.last, "create", "replace", "local", "global")):
		k.keeps = true
	case isWord(word, "pg_temp") && (into || creates):
		k.keeps = true
	case isWord(k.first, "declare") && isWord(k.last, "with") && isWord(word, "hold"):
		k.keeps, k.drops = true, -1
	}
	if steps := [...]string{"on", "commit", "drop"}; k.drops >= 0 && k.drops < len(steps) {
		switch {
		case isWord(word, steps[k.drops]):
			k.drops++
		case isWord(word, "on"):
			k.drops = 1
		default:
			k.drops = 0
		}
	}
	k.before, k.last = k.last, word
}

func (k *keeper) verdict() error {
	if k.keeps && k.drops != 3 {
		return errTemporary
	}
	return nil
}

// checkSetConfig reads the arguments of set_config: a literal that names no context and no role, and true for the third.
func checkSetConfig(l lexer, names []string) error {
	if !l.next() || l.text != "(" || l.kind != tokenSymbol {
		return nil // a column or table of that name
	}
	if !l.next() || l.kind != tokenString {
		return errSetConfig
	}
	name := l.text
	if !l.next() || l.text != "," || l.kind != tokenSymbol {
		return errSetConfig
	}
	switch {
	case isWord(name, names...):
		return errContext
	case holdsRole(name):
		return errRole
	}
	last := ""
	for depth := 1; depth > 0; {
		if !l.next() {
			return errSetConfig
		}
		switch {
		case l.kind == tokenSymbol && l.text == "(":
			depth++
		case l.kind == tokenSymbol && l.text == ")":
			depth--
		case l.kind == tokenSymbol && l.text == "," && depth == 1:
			last = ""
		case l.kind == tokenWord && last == "":
			last = l.text
		default:
			last = "?"
		}
	}
	if !isWord(last, "true") {
		return errSetConfig
	}
	return nil
}

// holdsRole reports whether a setting is the session's role.
func holdsRole(name string) bool { return isWord(name, "role", "session_authorization") }

// begins reports whether a name begins with a word, in any letter case.
func begins(name, word string) bool { return len(name) >= len(word) && isWord(name[:len(word)], word) }

// isWord compares as PostgreSQL folds keywords and names of settings: ASCII letters only.
func isWord(s string, words ...string) bool {
	for _, w := range words {
		if len(s) == len(w) && equalFoldASCII(s, w) {
			return true
		}
	}
	return false
}

func equalFoldASCII(a, b string) bool {
	for i := range len(a) {
		x, y := a[i], b[i]
		if 'A' <= x && x <= 'Z' {
			x += 'a' - 'A'
		}
		if 'A' <= y && y <= 'Z' {
			y += 'a' - 'A'
		}
		if x != y {
			return false
		}
	}
	return true
}

// isRead reports whether a statement begins as one that only reads: such a one may travel without BEGIN and COMMIT.
func isRead(sql string) bool {
	l := lexer{sql: sql}
	for l.next() && l.kind == tokenSymbol && l.text == "(" {
		continue
	}
	return l.kind == tokenWord && isWord(l.text, "select", "values", "table")
}
