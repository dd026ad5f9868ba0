package scan

// Code says why a message is refused; OK is that it is not.
type Code uint8

// What a message can be refused for.
const (
	OK        Code = iota
	Syntax         // not JSON as RFC 8259 has it
	UTF8           // a string that is not UTF-8
	Depth          // nested too deep
	Trailing       // bytes behind the message
	NoObject       // a message that is no object
	Duplicate      // a key twice in one object
	Folded         // a key that is no watched name, and becomes one by letter case or Unicode's foldings
	Surrogate      // half a surrogate pair in a key or in a watched value: readers differ on what it is
	TooMany        // more watched names than any message needs
)

var codeNames = [...]string{"ok", "syntax", "utf8", "depth", "trailing", "no_object", "duplicate_key", "folded_key", "surrogate", "too_many"}

// String returns the code as records and metrics have it.
func (c Code) String() string { return codeNames[c] }

// Kind is what a value is.
type Kind uint8

// The kinds of values.
const (
	Null Kind = iota
	False
	True
	Number
	String
	Object
	Array
)
