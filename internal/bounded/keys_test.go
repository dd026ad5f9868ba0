package bounded

import "testing"

func TestOneEach(t *testing.T) {
	for text, want := range map[string][2]bool{ // exactly, and with fold
		`{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4},"a"],"d":"a"}`: {true, true},
		`{"a":1,"a":1}`:                      {false, false},
		`{"a":1,"b":"x","A":1}`:              {true, false},
		`{"k":1,"\u212a":1}`:                 {true, false}, // a Kelvin sign, which Go takes for a k
		`[{"x":[1,{"y":[]}],"x":{}}]`:        {false, false},
		`{"a":{"b":[[{"c":1,"\u0063":2}]]}}`: {false, false},
		`{"a":1} {"a":1}`:                    {true, true},
		`"a"`:                                {true, true},
		`{"a"`:                               {false, false},
	} {
		for i, fold := range []bool{false, true} {
			if err := OneEach([]byte(text), fold); (err == nil) != want[i] {
				t.Errorf("%s, fold %t: %v", text, fold, err)
			}
		}
	}
}
