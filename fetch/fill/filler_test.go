package fill_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// Proxies with an older configuration may ask for what is named no more.
func TestFillOfWhatOnlyAReplicaHas(t *testing.T) {
	f := newFixture(t, cluster(t), sibling(t, wanted))
	if err := f.Fill(t.Context(), sha); err != nil {
		t.Fatal(err)
	}
	f.expect(t, true)
}

func TestStrangersCannotHammerTheReplicas(t *testing.T) {
	asked := 0
	url := httpServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusNotFound)
	}))
	f := newFixture(t, cluster(t), url)
	var last *failure.Error
	begun := time.Now()
	for i := range 500 {
		last = failure.Of(f.Fill(t.Context(), hashOf([]byte{byte(i), byte(i >> 8)})))
	}
	most := 50 + int(10*time.Since(begun).Seconds()) + 1
	if asked > most || asked < 50 || last.Reason != v1alpha1.ReasonRateLimited {
		t.Errorf("asked %d times, at most %d; last: %v", asked, most, last)
	}
}

func TestFillOfWhatIsThereAsksNobody(t *testing.T) {
	f := newFixture(t, cluster(t, autowasm("a", sha, reference, registry())), "http://127.0.0.1:1")
	put(t, f.store, wanted)
	if err := f.Fill(t.Context(), sha); err != nil {
		t.Fatal(err)
	}
	f.expect(t, true)
}

func TestFillWithoutACacheMayPass(t *testing.T) {
	if got := failure.Of(newFixture(t, broken(t)).Fill(t.Context(), sha)); got == nil || got.Terminal || got.Reason != v1alpha1.ReasonUnavailable {
		t.Errorf("Fill = %v", got)
	}
}
