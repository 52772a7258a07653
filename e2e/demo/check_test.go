package demo

import (
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	const after = 9 * time.Second
	for name, tc := range map[string]struct {
		step   step
		answer string
		ok     bool
	}{
		"nothing is asked":             {step{}, "x", true},
		"the words are there":          {step{shows: []string{"a", "b"}}, "b a", true},
		"a word is missing":            {step{shows: []string{"a", "b"}}, "a", false},
		"a word is not there":          {step{lacks: []string{"hello:"}}, "HTTP/1.1 200 OK", true},
		"a word that must not be":      {step{lacks: []string{"hello:"}}, "hello: world", false},
		"the same word":                {step{same: true}, "ab -\nab\n", true},
		"another word":                 {step{same: true}, "ab -\nac\n", false},
		"no word":                      {step{same: true}, "ab\n\nab", false},
		"older than the demo":          {step{older: true}, `"uptime_current_epoch": "12s"`, true},
		"as old, in whole seconds":     {step{older: true}, `"uptime_current_epoch": "8s"`, true},
		"younger":                      {step{older: true}, `"uptime_current_epoch": "6s"`, false},
		"it does not say how old":      {step{older: true}, "", false},
		"an age that is not a number":  {step{older: true}, `"uptime_current_epoch": "-1s"`, false},
		"an age that no number can be": {step{older: true}, `"uptime_current_epoch": "99999999999999999999s"`, false},
	} {
		if err := tc.step.check(tc.answer, time.Now().Add(-after)); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLiveStepsAreLeftOut where there is no proxy, and nothing else is.
func TestLiveStepsAreLeftOut(t *testing.T) {
	with, without := (&Demo{Variables: variables("http://127.0.0.1:1")}).steps(), (&Demo{Variables: variables("")}).steps()
	live := 0
	for _, s := range with {
		if s.live {
			live++
		}
	}
	if live == 0 || len(with) != len(without)+live {
		t.Errorf("%d steps, %d of them live; %d without a proxy", len(with), live, len(without))
	}
	for _, s := range without {
		if s.live {
			t.Errorf("without a proxy: %s", s.run)
		}
	}
}
