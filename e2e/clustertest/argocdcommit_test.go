//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/e2e/process"
	"github.com/autowasm/autowasm/e2e/suite"
)

// gitAuthor is who commits.
var gitAuthor = []string{
	"GIT_AUTHOR_NAME=me", "GIT_AUTHOR_EMAIL=me@example.org", "GIT_COMMITTER_NAME=me", "GIT_COMMITTER_EMAIL=me@example.org",
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), gitAuthor...)
	out, err := process.Output(cmd)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// commit commits changes of the manifests, by the names of their files, and has Argo CD compare them now. A file without
// content is removed.
func (a *argoCD) commit(t *testing.T, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join("shop", name)
		if content == "" {
			git(t, a.team(), "rm", "-q", path)
			continue
		}
		suite.WriteFile(t, a.team(), path, []byte(content))
	}
	git(t, a.team(), "add", ".")
	git(t, a.team(), "commit", "-q", "-m", "Change the manifests")
	git(t, a.team(), "push", "-q")
	refresh(t)
}

// refresh has Argo CD compare now.
func refresh(t *testing.T) {
	t.Helper()
	kubectl(t, "annotate", "application", "shop", "-n", argoNamespace, "--overwrite", "argocd.argoproj.io/refresh=normal")
}

func (a *argoCD) team() string { return filepath.Join(a.dir, "team") }

// head is the revision that was committed last.
func (a *argoCD) head(t *testing.T) string {
	t.Helper()
	return git(t, a.team(), "rev-parse", "HEAD")
}

// An application is what is read of one.
type application struct {
	Status struct {
		Sync       struct{ Status, Revision string }
		Health     struct{ Status string }
		Conditions []struct{ Type, Message string }
		Resources  []struct {
			Kind, Name, Status string
			Health             struct{ Status, Message string }
		}
		OperationState struct {
			Phase, Message string
			SyncResult     struct {
				Revision  string
				Resources []struct{ Kind, Name, Status, Message string }
			}
		}
	}
}

// text is all that an Application's owner reads.
func (a application) text() string { return fmt.Sprintf("%+v", a.Status) }

// await waits until the Application has compared the last commit, kubectl get applications prints a sync and a health status,
// and its status has all words.
func (a *argoCD) await(t *testing.T, sync, health string, words ...string) (app application) {
	t.Helper()
	revision := a.head(t)
	suite.Eventually(t, func(ctx context.Context) error {
		app = application{}
		if err := getJSON(ctx, &app, "application", "shop", "-n", argoNamespace); err != nil {
			return err
		}
		missing := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return strings.Contains(app.text(), w) })
		if app.Status.Sync.Revision != revision || app.Status.Sync.Status != sync || app.Status.Health.Status != health || len(missing) > 0 {
			return fmt.Errorf("the Application is not %s and %s of %s, or has no %q: %s", sync, health, revision, missing, app.text())
		}
		return nil
	})
	return app
}

// awaitSynced waits until the last commit is in force.
func (a *argoCD) awaitSynced(t *testing.T, health string, words ...string) {
	t.Helper()
	a.await(t, "Synced", health, append(words, "Phase:Succeeded", "SyncResult:{Revision:"+a.head(t), "Conditions:[]")...)
}
