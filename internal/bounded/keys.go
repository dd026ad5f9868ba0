package bounded

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// OneEach refuses JSON in which an object has a key twice: of readers one takes the first value and another one the last. With fold, keys
// that differ in case alone are the same, as for those who read it into fields.
func OneEach(raw []byte, fold bool) error {
	type open struct {
		keys map[string]bool // nil: an array
		next bool            // a key comes next
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	stack := []open{{}}
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) && len(stack) == 1 {
			return nil
		}
		if err != nil {
			return err
		}
		top := &stack[len(stack)-1]
		if name, ok := token.(string); ok && top.next {
			if fold {
				name = strings.ToLower(strings.ToUpper(name))
			}
			if top.keys[name] {
				return fmt.Errorf("the key %.40q is there twice", name)
			}
			top.keys[name], top.next = true, false
			continue
		}
		switch token {
		case json.Delim('{'):
			stack = append(stack, open{map[string]bool{}, true})
			continue
		case json.Delim('['):
			stack = append(stack, open{})
			continue
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:len(stack)-1]
			top = &stack[len(stack)-1]
		}
		top.next = top.keys != nil
	}
}
