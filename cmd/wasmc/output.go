package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/pflag"
)

const (
	outputText = "text"
	outputJSON = "json"
)

// moduleReport is what scripts read of a module that was pushed or pulled.
type moduleReport struct {
	// Reference of the image by its digest.
	Reference string `json:"reference,omitempty"`
	// MediaType and Digest of the image's manifest.
	MediaType string `json:"mediaType,omitempty"`
	Digest    string `json:"digest,omitempty"`
	// Size of the module in bytes, and its sha256.
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	// Location is the absolute path of the file that was written.
	Location string `json:"location,omitempty"`
	// Format is the image's shape.
	Format string `json:"format,omitempty"`
	// ABI is the version of the Proxy-Wasm ABI.
	ABI string `json:"abi,omitempty"`
}

func bindOutput(flags *pflag.FlagSet, output *string) {
	flags.StringVarP(output, "output", "o", outputText, "text or json")
}

func checkOutput(output string) error {
	if output != outputText && output != outputJSON {
		return usagef("--output %q is neither text nor json", output)
	}
	return nil
}

func printJSON(w io.Writer, report any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}

// wrap says what was attempted, and leaves nil and wrong usage alone.
func wrap(err error, format string, args ...any) error {
	if err == nil || isUsage(err) {
		return err
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}
