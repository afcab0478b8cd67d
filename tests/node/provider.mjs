// A real identity provider for the tests: node provider.mjs MODULES PORT CONSOLE ACCOUNTS
// ACCOUNTS is JSON: the claims of each account by what its person types as a name.
import { pathToFileURL } from 'node:url'

const [modules, port, console_, accounts] = process.argv.slice(2)
const { default: Provider } = await import(pathToFileURL(`${modules}/oidc-provider/lib/index.js`))
const known = JSON.parse(accounts)

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: 'muster',
    client_secret: 'only for the tests of one run',
    redirect_uris: [`${console_}/signin/provider/callback`],
    post_logout_redirect_uris: [`${console_}/signin`],
  }],
  claims: { openid: ['sub'], profile: ['preferred_username', 'groups'] },
  findAccount: (_, id) => known[id] && { accountId: id, claims: () => ({ sub: id, ...known[id] }) },
})
provider.listen(Number(port), '127.0.0.1', () => process.stdout.write('listening\n'))
