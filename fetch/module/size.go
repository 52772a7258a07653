package module

import (
	"fmt"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// TooLarge is the refusal of a module above a limit in bytes.
func TooLarge(limit int64) *failure.Error {
	return failure.Terminalf(v1alpha1.ReasonTooLarge,
		"the module is larger than the limit of %s: build it smaller, stripped of debug sections and optimised for size", bytesOf(limit))
}

func bytesOf(n int64) string {
	if n%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}
