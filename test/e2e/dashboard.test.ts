// The dashboard of the built command in a browser, as an operator uses it: with the mouse, by keyboard, on a phone, and
// with clients whose names, topics and payloads try to become part of the page.
import { expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { connectAsync } from 'mqtt';
import type { MqttClient } from 'mqtt';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { hexmq, ROOT, startProgram, temporaryDirectory } from './hexmq-command.js';
import { afterwards, scene } from './program.js';
import { CHROMIUM, describeWith } from './tools.js';

const HOSTILE = '<img src=x onerror=alert(1)>';
const HOSTILE_TOPIC = 'plant/"><script>alert(2)</script>';
const PAGES = [
  'Overview',
  'Clients',
  'Sessions',
  'Queues',
  'Retained messages',
  'Message trace',
  'Events',
  'Storage',
  'Access',
  'Console',
];

interface Operated {
  readonly address: string;
  readonly writer: string;
  readonly reader: string;
  /** Opens the page; what goes wrong in it fails the test at its end. */
  readonly open: (options?: BrowserContextOptions) => Promise<Page>;
  readonly logIn: (page: Page, token?: string) => Promise<void>;
}

/** With clients that are connected, one that is away, and hostile ones. */
function operated(body: (operated: Operated) => Promise<void>): Promise<void> {
  return scene(async () => {
    const directory = temporaryDirectory();
    const tokens = join(directory, 'tokens');
    const tokenOf = async (name: string, role: string): Promise<string> =>
      (await hexmq(['token', name, '--role', role, '--file', tokens])).stdout.trim();
    const [writer, reader] = [await tokenOf('ops', 'write'), await tokenOf('viewer', 'read')];
    const config = join(directory, 'hexmq.yaml');
    const settings = {
      listeners: [
        { type: 'tcp', port: 0 },
        { type: 'ws', port: 0 },
      ],
      storage: { options: { directory: join(directory, 'data') } },
      admin: { port: 0, tokens },
    };
    writeFileSync(config, JSON.stringify(settings));
    const program = startProgram(['--config', config], { cwd: directory });
    afterwards(() => {
      program.kill('SIGKILL');
    });
    const [, tcp = ''] = await program.says(/ready: tcp\S* ([\d.:]+)/m);
    const [, address = ''] = await program.logs(/"listener":"admin","address":"([^"]+)"/);
    const clients = await traffic(`mqtt://${tcp}`);
    const browser = await chromium.launch({ executablePath: pathOf(CHROMIUM), args: ['--no-sandbox'] });
    const problems: string[] = [];
    try {
      await body({
        address,
        writer,
        reader,
        open: (options) => opened(browser, `http://${address}/`, problems, options),
        logIn: async (page, token = writer) => {
          await page.getByLabel('Token').fill(token);
          await page.getByRole('button', { name: 'Log in' }).click();
          await heading(page, 'Overview');
        },
      });
      expect(problems).toEqual([]);
    } finally {
      await browser.close();
      for (const client of clients) client.end(true);
    }
    program.kill('SIGTERM');
    expect((await program.end()).status).toBe(0);
  });
}

const pathOf = (name = 'chromium'): string => (name.includes('/') ? name : `/usr/bin/${name}`);

async function traffic(url: string): Promise<readonly MqttClient[]> {
  const connect = (clientId: string): Promise<MqttClient> =>
    connectAsync(url, {
      clientId,
      clean: false,
      will: { topic: HOSTILE_TOPIC, payload: Buffer.from(HOSTILE), qos: 0 },
    });
  const [hostile, sensor, away] = [await connect(HOSTILE), await connect('sensor-1'), await connect('away')];
  await away.subscribeAsync('plant/#', { qos: 1 });
  await away.endAsync();
  await hostile.subscribeAsync(`${HOSTILE_TOPIC}/#`, { qos: 1 });
  await hostile.publishAsync(HOSTILE_TOPIC, '<script>alert(3)</script>', { qos: 1, retain: true });
  await sensor.publishAsync('plant/1/state', 'running', { qos: 1, retain: true });
  await sensor.publishAsync('plant/1/raw', Buffer.from([0, 255, 65]), { qos: 1, retain: true });
  return [hostile, sensor];
}

async function opened(
  browser: Browser,
  url: string,
  problems: string[],
  options: BrowserContextOptions = {},
): Promise<Page> {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })).newPage();
  page.on('pageerror', ({ message }) => problems.push(`error: ${message}`));
  page.on('dialog', (dialog) => {
    problems.push(`a script of a client ran: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) problems.push(`it loads ${request.url()}`);
  });
  page.on('console', (message) => {
    // The browser reports what the API refuses, which the page handles.
    if (['error', 'warning'].includes(message.type()) && !/status of (400|401|404)/.test(message.text()))
      problems.push(`${message.type()}: ${message.text()}`);
  });
  await page.goto(url);
  return page;
}

const heading = (page: Page, name: string): Promise<void> =>
  page.getByRole('heading', { level: 1, name, exact: true }).waitFor();

/** Every page by its link; on a phone behind the menu. */
async function walk(page: Page, look: (name: string) => Promise<void>): Promise<void> {
  const links = page.locator('nav a');
  for (const [index, name] of PAGES.entries()) {
    const menu = page.getByRole('button', { name: 'Menu' });
    if (await menu.isVisible()) await menu.click();
    await links.nth(index).click();
    await heading(page, name);
    await page.locator('.loading').first().waitFor({ state: 'detached' });
    await look(name);
  }
}

const AXE = readFileSync(resolve(ROOT, 'node_modules/axe-core/axe.min.js'), 'utf8');

/** What axe finds, in a world of its own: the policy of the page does not hold for it. */
async function accessibility(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const { violations } = await axe.run();
    return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ''}`);
  });
}

describeWith(['chromium'], 'the dashboard in a browser', () => {
  test('every page opens in light and dark, without findings of axe', () =>
    operated(async ({ open, logIn }) => {
      for (const colorScheme of ['light', 'dark'] as const) {
        const page = await open({ colorScheme });
        expect(await accessibility(page)).toEqual([]);
        await logIn(page);
        await walk(page, async (name) => {
          expect({ colorScheme, name, found: await accessibility(page) }).toEqual({ colorScheme, name, found: [] });
        });
      }
    }));

  test('on a phone, no page is wider than the screen', () =>
    operated(async ({ open, logIn }) => {
      const page = await open({ viewport: { width: 360, height: 740 } });
      await logIn(page);
      const surplus = () => page.evaluate('document.documentElement.scrollWidth - innerWidth');
      await walk(page, async (name) => {
        expect({ name, surplus: await surplus() }).toEqual({ name, surplus: 0 });
      });
      await page.evaluate(`location.hash = '#/session/' + encodeURIComponent(${JSON.stringify(HOSTILE)})`);
      await heading(page, HOSTILE);
      expect(await surplus()).toBe(0);
    }));

  test('what hostile clients have sent is text, and binary payloads are hexadecimal', () =>
    operated(async ({ open, logIn }) => {
      const page = await open();
      await logIn(page);
      await page.getByRole('link', { name: 'Clients' }).click();
      await page.getByLabel('Client Identifier begins with').fill('<img');
      await page.getByRole('link', { name: HOSTILE }).click();
      await heading(page, HOSTILE);
      await page.getByText(`${HOSTILE_TOPIC}/#`).waitFor();
      await page.getByRole('link', { name: 'Retained' }).click();
      await page.getByRole('button', { name: /^plant/ }).click();
      await page.getByRole('button', { name: /^"><script>alert\(2\)</ }).click();
      await page.getByRole('button', { name: /^script>/ }).click();
      await page.getByText('<script>alert(3)</script>').waitFor();
      await page.getByRole('button', { name: /^1/ }).click();
      await page.getByRole('button', { name: /^raw/ }).click();
      await page.getByText('00 ff 41').waitFor();
    }));

  test('the overview has the latency of storage once something is stored, and that of the event loop', () =>
    operated(async ({ address, open, logIn, writer }) => {
      const page = await open();
      await logIn(page);
      const body = JSON.stringify({ topic: 'plant/1/state', payload: 'stored', qos: 1, retain: true });
      const headers = { authorization: `Bearer ${writer}`, 'content-type': 'application/json' };
      const timer = setInterval(() => {
        void fetch(`http://${address}/api/v1/publish`, { method: 'POST', headers, body });
      }, 500);
      try {
        const shown = page.getByRole('listitem');
        await shown.filter({ hasText: /median\s*[\d.]+ (µs|ms|s)$/ }).waitFor();
        await shown
          .filter({ hasText: /p99\s*[\d.]+ (µs|ms|s)$/ })
          .nth(1)
          .waitFor();
      } finally {
        clearInterval(timer);
      }
    }));

  test('an operator disconnects, purges and deletes after a question, by keyboard alone', () =>
    operated(async ({ open, writer }) => {
      const page = await open();
      // The field has the focus.
      await page.keyboard.type(writer);
      await page.keyboard.press('Enter');
      await heading(page, 'Overview');
      await page.evaluate("location.hash = '#/session/away'");
      await heading(page, 'away');
      const press = async (name: string): Promise<void> => {
        await page.getByRole('button', { name, exact: true }).focus();
        await page.keyboard.press('Enter');
      };
      await press('Purge queue');
      await page.keyboard.press('Escape');
      await press('Purge queue');
      await press('Drop the messages');
      await page.getByText('3 messages were dropped.').waitFor();
      await press('Delete session');
      await page.getByRole('dialog').getByText('cannot be brought back').waitFor();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete the session' }).focus();
      await page.keyboard.press('Enter');
      await heading(page, 'Sessions');
      await page.getByText('The session of away is deleted.').waitFor();
      expect(await page.getByRole('link', { name: 'away' }).count()).toBe(0);
    }));

  test('a reader sees the buttons and cannot use them, and a token that is not known is refused', () =>
    operated(async ({ open, logIn, reader }) => {
      const page = await open();
      await page.getByLabel('Token').fill('hexmq_guess');
      await page.getByRole('button', { name: 'Log in' }).click();
      await page.getByText('The broker does not know this token.').waitFor();
      await logIn(page, reader);
      await page.evaluate("location.hash = '#/session/away'");
      await heading(page, 'away');
      expect(await page.getByRole('button', { name: 'Delete session' }).isDisabled()).toBe(true);
      await page.reload();
      await heading(page, 'away');
      await page.getByRole('button', { name: 'Log out' }).click();
      await page.getByLabel('Token').waitFor();
      expect(await page.evaluate('sessionStorage.length + document.cookie.length')).toBe(0);
    }));

  test('the console subscribes and publishes over WebSocket, and access is explained', () =>
    operated(async ({ open, logIn }) => {
      const page = await open();
      await logIn(page);
      await page.getByRole('link', { name: 'Console' }).click();
      await page.getByRole('button', { name: 'Connect', exact: true }).click();
      await page.getByLabel('Topic Filter').fill('console/#');
      await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
      await page.getByRole('button', { name: 'Unsubscribe' }).waitFor();
      await page.getByLabel('Topic Name').first().fill('console/1');
      await page.getByLabel('Payload').first().fill('hello <b>there</b>');
      await page.getByRole('button', { name: 'Publish', exact: true }).click();
      await page.locator('.line').getByText('hello <b>there</b>').waitFor();
      await page.getByRole('link', { name: 'Access' }).click();
      await page.getByLabel('Client Identifier').fill('sensor-1');
      await page.getByLabel('Topic Name').fill('plant/1');
      await page.getByRole('button', { name: 'Explain' }).click();
      await page.getByText('everything is allowed').waitFor();
      await page.getByLabel('Topic Name').fill('plant/#');
      await page.getByRole('button', { name: 'Explain' }).click();
      await page.getByText(/is no Topic Name/).waitFor();
    }));
});
