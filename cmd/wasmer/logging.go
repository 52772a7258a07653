// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"log/slog"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// The values of --log-level and --log-format.
const (
	logDebug = "debug"
	logInfo  = "info"
	logError = "error"
	logJSON  = "json"
	logText  = "text"
)

// logLevels are the levels from which on messages are logged.
var logLevels = map[string]zapcore.Level{logDebug: zapcore.DebugLevel, logInfo: zapcore.InfoLevel, logError: zapcore.ErrorLevel}

// setLogger has all that is logged written to w in one form: that of wasmer, that of client-go by klog, and that of Go's own
// log package, such as the failed TLS handshakes of net/http.
func setLogger(level, format string, w io.Writer) {
	logger := newLogger(level, format, w)
	ctrl.SetLogger(logger)
	klog.SetLogger(logger)
	slog.SetDefault(slog.New(logr.ToSlogHandler(logger))) // which Go's log package then writes to
}

// newLogger returns a logger for which errors have the key err, as in Kubernetes' own logs.
func newLogger(level, format string, w io.Writer) logr.Logger {
	rfc3339 := func(c *zapcore.EncoderConfig) { c.EncodeTime = zapcore.RFC3339TimeEncoder }
	encoder := zap.JSONEncoder(rfc3339)
	if format == logText {
		encoder = zap.ConsoleEncoder(rfc3339)
	}
	return zapr.NewLoggerWithOptions(zap.NewRaw(zap.WriteTo(w), zap.Level(logLevels[level]), encoder), zapr.ErrorKey("err"))
}
