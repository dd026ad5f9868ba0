package pin

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Why a new PIN is refused. None of the texts carries the PIN.
var (
	ErrForm    = errors.New("a PIN has four to six digits")
	ErrTrivial = errors.New("this PIN is among the first that anybody tries")
	ErrSame    = errors.New("this is the PIN as it was")
)

// CheckPIN says whether a PIN may be set for a user: four to six digits, none of the sequences, repetitions and years that
// people choose most, and not part of the user's own name.
func CheckPIN(pin, user string) error {
	if len(pin) < 4 || len(pin) > 6 || strings.ContainsFunc(pin, func(r rune) bool { return r < '0' || r > '9' }) {
		return ErrForm
	}
	if slices.ContainsFunc(trivial, func(is func(string) bool) bool { return is(pin) }) || strings.Contains(user, pin) {
		return ErrTrivial
	}
	return nil
}

// trivial are the kinds of PINs that lists of leaked ones begin with.
var trivial = []func(string) bool{run, repeats, mirrored, year, date, common}

// run is one digit over and over, or a sequence with equal steps, around nine as well: 1111, 1234, 9876, 2468, 7890.
func run(pin string) bool {
	step := (pin[1] - pin[0] + 10) % 10
	for i := 2; i < len(pin); i++ {
		if (pin[i]-pin[i-1]+10)%10 != step {
			return false
		}
	}
	return true
}

// repeats is a part over and over, or digits in equal pairs: 1212, 123123, 1122, 112233.
func repeats(pin string) bool {
	for n := 1; n <= len(pin)/2; n++ {
		if len(pin)%n == 0 && strings.Repeat(pin[:n], len(pin)/n) == pin {
			return true
		}
	}
	if len(pin)%2 != 0 {
		return false
	}
	for i := 0; i < len(pin); i += 2 {
		if pin[i] != pin[i+1] {
			return false
		}
	}
	return true
}

// mirrored reads the same from behind: 1221, 12321, 123321.
func mirrored(pin string) bool {
	for i := range len(pin) / 2 {
		if pin[i] != pin[len(pin)-1-i] {
			return false
		}
	}
	return true
}

// year is one of a person's life.
func year(pin string) bool { return len(pin) == 4 && (pin[:2] == "19" || pin[:2] == "20") }

// date is a birthday of six digits: day, month and year in any of the usual orders.
func date(pin string) bool {
	if len(pin) != 6 {
		return false
	}
	a, b, c := number(pin[:2]), number(pin[2:4]), number(pin[4:])
	day, month := func(n int) bool { return n >= 1 && n <= 31 }, func(n int) bool { return n >= 1 && n <= 12 }
	return day(a) && month(b) || month(a) && day(b) || month(b) && day(c)
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// common are walks over a keypad, and others that lists of leaked PINs have high up.
func common(pin string) bool {
	return slices.Contains([]string{"2580", "0852", "1470", "0741", "3690", "0963", "1397", "7139", "1004", "1314", "5683", "6969", "4200", "1478", "3698", "7410",
		"14725", "25800", "147258", "258369", "159753", "159357", "789456", "456789", "147147", "123654", "654123", "520131", "741852", "963852"}, pin)
}
