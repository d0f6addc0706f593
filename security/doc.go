// Package security holds the client of the Keyfactor Command security API and
// everything its services share: construction, credentials, configuration,
// errors, pages and filters.
//
// A program makes one [Client] and gives it to the services that it needs:
//
//	client, err := security.NewClient("https://command.example.com/KeyfactorAPI",
//		security.WithBasicAuth(`KEYEXAMPLE\svc_sdk`, password))
//	if err != nil {
//		return err
//	}
//	for role, err := range roles.NewV2(client).All(ctx, nil) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(role.ID, role.Name)
//	}
//
// # Services
//
// Each package is one resource of the API, and each type V1 or V2 in it one
// version of that resource, with exactly what the version can do:
//
//   - [github.com/commandsec/commandsec-go/roles]: roles, with their permissions and
//     their members; safe changes of both
//   - [github.com/commandsec/commandsec-go/claims]: the claims that roles are given
//     to, from Command 11 on
//   - [github.com/commandsec/commandsec-go/identities]: Active Directory users and
//     groups, and what they may do
//   - [github.com/commandsec/commandsec-go/permissionsets]: the limits of what roles
//     can be granted, and the permissions that a server knows
//   - [github.com/commandsec/commandsec-go/providers]: the identity providers that
//     users sign in with
//   - [github.com/commandsec/commandsec-go/access]: who may do what with a
//     collection, a container or a certificate, and what the caller may do
//
// Package [github.com/commandsec/commandsec-go/permissions] knows both permission
// models and needs no server. Package
// [github.com/commandsec/commandsec-go/governance/snapshot/take] reads all of the above
// from a server into one snapshot. Package
// [github.com/commandsec/commandsec-go/security/securitytest] is a simulated server
// to try things on. [Client.Do] sends what no service covers.
//
// # Examples
//
// Each service has examples in its documentation. The programs in the
// repository run on the simulated server unless a real one is configured:
//
//   - examples/quickstart: the main job from end to end
//   - examples/permissions: converts, proves, checks and compares permissions; it
//     needs no server
//   - examples/onboard: onboards teams from a file; it can be repeated, and has a
//     dry run
//   - examples/otel: names OpenTelemetry spans by operation; a module of its own
//
// # Authentication
//
// A client has exactly one credential: [WithBasicAuth], [WithBasicAuthFunc],
// [WithClientCredentials], [WithAccessToken], [WithTokenSource] or
// [WithAuthorization], or that of package
// [github.com/commandsec/commandsec-go/security/kerberos]; [WithClientCertificate]
// goes alone or besides one of them.
// It is sent to the scheme, host and port of the base URL and nowhere else;
// redirects out of the API path are refused. Tokens are fetched when first needed,
// shared by all calls, renewed before they expire, and renewed once more if the
// server refuses one. [ConfigFromEnv] and [LoadConfig] read the variables and
// profiles of the other tools for Command.
//
// # Errors
//
// A failed call returns an [*Error] that says what was attempted, what came
// back and what to do. Ask for a kind of failure with errors.Is and the
// sentinels ([ErrNotFound], [ErrForbidden], ...). Input that cannot be right is
// refused before anything is sent; such an error holds [FieldErrors].
//
// A write that failed after it may have reached the server is
// [ErrUnknownOutcome]: read before you repeat it.
//
// # Retries
//
// A call is tried up to four times. What provably never reached the server is
// repeated whatever the method, and so is what was answered 429. Server errors,
// broken connections and timeouts are repeated for GET, PUT and DELETE only: a
// POST might have been done. A Retry-After header is obeyed up to the longest
// wait (30 seconds); beyond it the error returns at once and carries it. See
// [WithRetry] and [WithReplay]. The exact waits are no promise.
//
// # Paging
//
// List returns one [Page]; All walks every page as a sequence that can be broken
// off and ranged over again. [Collect] makes a slice of one.
//
// # Concurrency
//
// A Client and all services are immutable and safe to share. A context ends a
// call promptly, waits and token requests included, and no goroutine outlives
// the call that started it.
package security
