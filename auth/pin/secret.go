package pin

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Format prints where a try came from, whatever the verb: no PIN, no device's token.
func (t Try) Format(w fmt.State, _ rune) { io.WriteString(w, "try from "+t.From.text()) }

// LogValue is where a try came from.
func (t Try) LogValue() slog.Value { return slog.StringValue("try from " + t.From.text()) }

// MarshalJSON is where a try came from.
func (t Try) MarshalJSON() ([]byte, error) { return json.Marshal("try from " + t.From.text()) }

// Format prints whose tokens these are, whatever the verb: none of them.
func (t Tokens) Format(w fmt.State, _ rune) { io.WriteString(w, "tokens of session "+t.Session) }

// LogValue is whose tokens these are.
func (t Tokens) LogValue() slog.Value { return slog.StringValue("tokens of session " + t.Session) }

// MarshalJSON is whose tokens these are; Handler writes them by name.
func (t Tokens) MarshalJSON() ([]byte, error) { return json.Marshal("tokens of session " + t.Session) }
