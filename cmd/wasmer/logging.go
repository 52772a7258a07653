package main

import (
	"io"
	"log/slog"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// setLogger has all that is logged written to w in one form: that of wasmer, that of client-go by klog, and that of Go's own
// log package, such as the failed TLS handshakes of net/http.
func setLogger(development bool, w io.Writer) {
	logger := zap.New(zap.UseDevMode(development), zap.WriteTo(w))
	ctrl.SetLogger(logger)
	klog.SetLogger(logger)
	slog.SetDefault(slog.New(logr.ToSlogHandler(logger))) // which Go's log package then writes to
}
