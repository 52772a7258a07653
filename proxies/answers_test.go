package proxies

import (
	"context"
	"strconv"
	"testing"
	"time"
)

func number1(context.Context) (int, error) { return 1, nil }

func TestAnswersAreBounded(t *testing.T) {
	now := time.Unix(0, 0)
	a := newAnswers[int](func() time.Time { return now })
	for i := range maxAnswers + 5 {
		if _, err := a.get(t.Context(), strconv.Itoa(i), time.Hour, number1); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(a.byKey); n != maxAnswers {
		t.Errorf("%d are kept", n)
	}
	now = now.Add(keepAnswers)
	if _, err := a.get(t.Context(), "x", 0, number1); err != nil {
		t.Fatal(err)
	}
	if n := len(a.byKey); n != 1 {
		t.Errorf("%d are kept when all are old", n)
	}
}

// A panic is its asker's alone: the next one asks again.
func TestAnswersSurviveAPanic(t *testing.T) {
	a := newAnswers[int](nil)
	func() {
		defer func() { _ = recover() }()
		_, _ = a.get(t.Context(), "x", time.Hour, func(context.Context) (int, error) { panic("no") })
	}()
	if got, err := a.get(t.Context(), "x", time.Hour, number1); got != 1 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
}
