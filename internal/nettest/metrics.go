package nettest

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

// Metrics reads the metrics of the program that listens on address, by name and labels. It waits until somebody listens.
func Metrics(t testing.TB, address string) map[string]string {
	t.Helper()
	var answer *http.Response
	Until(t, "an answer of "+address+"/metrics", func() bool {
		got, err := http.Get("http://" + address + "/metrics")
		answer = got
		return err == nil
	})
	defer answer.Body.Close()
	out := map[string]string{}
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if at := strings.LastIndex(lines.Text(), " "); at > 0 && strings.HasPrefix(lines.Text(), "ringfence_") {
			out[lines.Text()[:at]] = lines.Text()[at+1:]
		}
	}
	return out
}
