package pin

import (
	"errors"
	"fmt"
	"testing"
)

func TestCheckPIN(t *testing.T) {
	for pin, want := range map[string]error{
		"": ErrForm, "123": ErrForm, "1234567": ErrForm, "12a4": ErrForm, "１２３４": ErrForm, " 1379": ErrForm, "-1379": ErrForm,
		"1111": ErrTrivial, "1234": ErrTrivial, "4321": ErrTrivial, "7890": ErrTrivial, "0987": ErrTrivial, "2468": ErrTrivial, "13579": ErrTrivial,
		"1212": ErrTrivial, "123123": ErrTrivial, "1122": ErrTrivial, "112233": ErrTrivial, "1221": ErrTrivial, "12321": ErrTrivial,
		"1987": ErrTrivial, "2004": ErrTrivial, "240387": ErrTrivial, "870324": ErrTrivial, "2580": ErrTrivial, "159753": ErrTrivial,
		"7318": ErrTrivial, // part of the user's name below
		"8305": nil, "90412": nil, "739164": nil,
	} {
		if err := CheckPIN(pin, "user7318"); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", pin, err, want)
		}
	}
}

// Rules that refuse too much make people write PINs down: most of all PINs are free.
func TestMostPINsAreFree(t *testing.T) {
	for _, digits := range []int{4, 5, 6} {
		free, all := 0, 1
		for range digits {
			all *= 10
		}
		for i := range all {
			if CheckPIN(fmt.Sprintf("%0*d", digits, i), "anna") == nil {
				free++
			}
		}
		if free < all*85/100 {
			t.Errorf("of %d PINs of %d digits %d are free", all, digits, free)
		}
	}
}
