// The authorizer for a collection of users: the rules in the user's own document, then those of its roles. Among the
// roles, denials take precedence regardless of order; the user's own rules take precedence over all roles.
import { readPermissions } from 'hexmq/ports';
import type { AuthorizationRequest, Authorizer, Permissions } from 'hexmq/ports';
import type { Document } from 'mongodb';
import type { Directory } from './directory.js';

export interface AuthorizerSettings {
  readonly collection: string;
  readonly rolesCollection: string;
  readonly fields: { readonly userName: string; readonly permissions: string; readonly roles: string };
}

const NO_RULES: Permissions = { kind: 'rules', rules: [] };
const ROLES_MAX = 100;

export class MongoAuthorizer implements Authorizer {
  readonly name = 'mongodb';
  readonly #settings: AuthorizerSettings;
  readonly #directory: Directory;

  constructor(settings: AuthorizerSettings, directory: Directory) {
    this.#settings = settings;
    this.#directory = directory;
  }

  async authorize(request: AuthorizationRequest): Promise<Permissions> {
    const { collection, fields } = this.#settings;
    const { userName } = request;
    if (userName === undefined) return NO_RULES;
    const [user, duplicate] = await this.#directory.find(
      collection,
      fields.userName,
      [userName],
      [fields.permissions, fields.roles],
    );
    if (user === undefined) return NO_RULES;
    if (duplicate !== undefined)
      throw new Error(`${collection} has several users ${JSON.stringify(userName)}, expected one`);
    const own = this.#rulesIn(user, `user ${userName}`, request);
    const roles = await this.#rolesOf(user, userName);
    const ofRoles = roles.flatMap((role) => this.#rulesIn(role, `role ${String(role['_id'])}`, request));
    return {
      kind: 'rules',
      rules: [
        ...own,
        ...ofRoles.filter(({ effect }) => effect === 'deny'),
        ...ofRoles.filter(({ effect }) => effect === 'allow'),
      ],
    };
  }

  stop(): Promise<void> {
    return this.#directory.close();
  }

  async #rolesOf(user: Document, userName: string): Promise<readonly Document[]> {
    const { rolesCollection, fields } = this.#settings;
    const names: unknown = user[fields.roles] ?? [];
    if (!Array.isArray(names) || names.length > ROLES_MAX || !names.every((name) => typeof name === 'string')) {
      const expected = `a list of up to ${ROLES_MAX} names`;
      throw new Error(`${fields.roles} of the user ${JSON.stringify(userName)} is not valid, expected ${expected}`);
    }
    const wanted = [...new Set(names)];
    if (wanted.length === 0) return [];
    const found = new Map(
      (await this.#directory.find(rolesCollection, '_id', wanted, [fields.permissions])).map((role) => [
        role['_id'] as unknown,
        role,
      ]),
    );
    return wanted.map((name) => {
      const role = found.get(name);
      // Ignoring a missing role could ignore a denial.
      if (role === undefined) {
        const [user, missing] = [JSON.stringify(userName), JSON.stringify(name)];
        throw new Error(`the user ${user} has the role ${missing}, which is not in ${rolesCollection}`);
      }
      return role;
    });
  }

  #rulesIn(document: Document, owner: string, request: AuthorizationRequest) {
    const { permissions } = this.#settings.fields;
    try {
      return readPermissions(document[permissions] ?? {}, request, `mongodb ${owner}`).rules;
    } catch (error) {
      throw new Error(`${permissions} of the ${owner}: ${(error as Error).message}`, { cause: error });
    }
  }
}
