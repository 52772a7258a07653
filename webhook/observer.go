package webhook

import (
	"context"
	"net/http"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// The results of an admission, as they are counted and logged.
const (
	resultAllowed = "allowed"
	resultPatched = "patched"
	resultDenied  = "denied"
	resultError   = "error"
)

// observer counts, times and logs the answers of one webhook.
type observer struct {
	webhook string
	metrics *metrics
}

func (o observer) handle(ctx context.Context, req admission.Request, answer admission.HandlerFunc) admission.Response {
	start := time.Now()
	resp := answer(ctx, req)
	took := time.Since(start)
	o.metrics.answered(o.webhook, req, resp, took)
	if log := ctrl.LoggerFrom(ctx).V(1); log.Enabled() {
		log.Info("Answered admission request", "webhook", o.webhook, "uid", req.UID, "operation", req.Operation,
			"dryRun", isDryRun(req), "result", resultOf(resp), "warnings", len(resp.Warnings), "message", messageOf(resp), "took", took)
	}
	return resp
}

// resultOf tells a denial, which is about the object, from an error, which is about
// the request.
func resultOf(resp admission.Response) string {
	switch {
	case resp.Allowed && len(resp.Patches) > 0:
		return resultPatched
	case resp.Allowed:
		return resultAllowed
	case resp.Result != nil && (resp.Result.Code == http.StatusUnprocessableEntity || resp.Result.Code == http.StatusForbidden):
		return resultDenied
	}
	return resultError
}

func messageOf(resp admission.Response) string {
	if resp.Result == nil {
		return ""
	}
	return resp.Result.Message
}

// operationLabel bounds the label's values: the word comes from the request.
func operationLabel(req admission.Request) string {
	switch req.Operation {
	case admissionv1.Create, admissionv1.Update, admissionv1.Delete, admissionv1.Connect:
		return string(req.Operation)
	}
	return "other"
}
