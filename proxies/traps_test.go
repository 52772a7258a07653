package proxies

import (
	"testing"
	"time"
)

func TestTraps(t *testing.T) {
	at := func(minutes int) time.Time { return testTime.Add(time.Duration(minutes) * time.Minute) }
	type scrape struct {
		minute int
		n      int64
		isNew  bool
	}
	for name, tt := range map[string]struct {
		scrapes        []scrape
		now            int
		recent, goesOn bool
		want           string
	}{
		"none":                           {[]scrape{{0, 0, true}, {1, 0, true}}, 1, false, false, "once"},
		"one":                            {[]scrape{{0, 0, true}, {1, 1, true}, {2, 1, true}}, 2, true, false, "once"},
		"one, long ago":                  {[]scrape{{0, 0, true}, {1, 1, true}}, 11, false, false, "once"},
		"two":                            {[]scrape{{0, 0, true}, {1, 1, true}, {2, 2, true}}, 2, true, true, "more than once"},
		"many at once":                   {[]scrape{{0, 0, true}, {1, 57, true}}, 2, true, false, "at least 10 times"},
		"many":                           {[]scrape{{0, 0, true}, {1, 57, true}, {2, 1234, true}}, 2, true, true, "at least 1000 times"},
		"two, far apart":                 {[]scrape{{0, 0, true}, {1, 1, true}, {20, 2, true}}, 20, true, false, "more than once"},
		"before the first scrape":        {[]scrape{{0, 3, true}}, 0, true, false, "more than once"},
		"before this process, perhaps":   {[]scrape{{0, 3, false}, {1, 3, false}}, 1, false, false, "more than once"},
		"before this process, and later": {[]scrape{{0, 30, false}, {1, 31, false}}, 1, true, false, "at least 10 times"},
		"a count that fell":              {[]scrape{{0, 0, true}, {1, 5, true}, {2, 0, true}, {3, 1, true}}, 3, true, true, "once"},
	} {
		var got traps
		for _, s := range tt.scrapes {
			got = got.observed(s.n, s.isNew, at(s.minute))
		}
		if now := at(tt.now); got.recent(now) != tt.recent || got.goOn(now) != tt.goesOn || got.String() != tt.want {
			t.Errorf("%s: recent %t, goes on %t, %s", name, got.recent(now), got.goOn(now), got)
		}
	}
}
