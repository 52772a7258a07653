package preflight

import (
	"strings"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// A Finding is one thing that keeps a filter from running.
type Finding struct {
	// Reason of PreflightPassed.
	Reason v1alpha1.Reason
	// Message names the object, what is wrong with it, and the remedy. It does not
	// change while these stay the same.
	Message string
}

// Message joins the messages of findings into one.
func Message(findings []Finding) string {
	messages := make([]string, len(findings))
	for i, f := range findings {
		messages[i] = f.Message
	}
	return strings.Join(messages, "; ")
}
