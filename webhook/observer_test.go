package webhook

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// Each answer is one line, with what it takes to find the request in the API
// server's audit log.
func TestObserverLogs(t *testing.T) {
	var lines []string
	logger := funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{Verbosity: 1})
	v, _ := testValidator(&preparer{}, Enforce)
	v.Handle(ctrl.LoggerInto(t.Context(), logger), dryRun(request(t, admissionv1.Create, autoWasm(withPorts(0)))))
	if len(lines) != 1 {
		t.Fatalf("logged %d lines: %q", len(lines), lines)
	}
	for _, want := range []string{`"uid"="705ab4f5-6393-11e8-b7cc-42010a800002"`, `"operation"="CREATE"`, `"dryRun"=true`, `"result"="denied"`, `"webhook"="validate"`, "applyPorts[0]"} {
		if !strings.Contains(lines[0], want) {
			t.Errorf("the line lacks %s: %s", want, lines[0])
		}
	}
}

func TestObserverIsSilentByDefault(t *testing.T) {
	logger := funcr.New(func(_, args string) { t.Errorf("logged %s", args) }, funcr.Options{})
	v, _ := testValidator(&preparer{}, Enforce)
	v.Handle(ctrl.LoggerInto(t.Context(), logger), request(t, admissionv1.Create, autoWasm()))
}

func TestObserverPassesTheAnswerOn(t *testing.T) {
	o := observer{webhook: "validate", metrics: newMetrics(prometheus.NewRegistry())}
	resp := o.handle(t.Context(), admission.Request{}, func(context.Context, admission.Request) admission.Response {
		return admission.Errored(http.StatusBadRequest, errors.New("words"))
	})
	if resp.Allowed || resultOf(resp) != resultError || messageOf(resp) != "words" || messageOf(admission.Response{}) != "" {
		t.Errorf("answer = %+v", resp)
	}
}
