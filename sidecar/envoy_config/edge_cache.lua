-- Tollkeeper's edge cache: gives answers of authsvc again for as long as authsvc leased them.
--
-- 1. Nothing that a client sends becomes part of an entry but the key's own bytes and the host,
--    by which it is found; all else is what authsvc said of a request that it let through.
-- 2. ext_authz is skipped only where `hit` is set, which is the last thing that happens to a request:
--    whatever fails before, ext_authz asks.
-- 3. Keys stay in this table: they are in no metadata, no header, and in no text that is logged.
--
-- One table of each for each worker of Envoy, and for each listener. Before this text stand the
-- constants VERDICT, OWN, LEASE, TRANSACTION_ID, ALSO_REMOVED, NO_UNDERSCORES, MOST_ENTRIES and
-- LONGEST_TTL. Each call into Envoy costs as much as all of the table's work: hence few of them.

collectgarbage("setpause", 400)  -- what is kept is kept for long, so look through it seldom

local MOST_PENDING = 1024  -- requests that authsvc is being asked about
local LONGEST_KEY, LONGEST_HOST = 512, 255  -- bytes; what is longer is asked about
local KEPT_UNUSED = 60000  -- milliseconds; what nobody asked for in twice as long is let go

local young, old, count, turned = {}, {}, 0, 0  -- entries by place, host and key, in two halves
local places, places_made = {}, 0  -- by route and service: how to see what a request's answer depends on
local pending, serial = {}, 0  -- what is asked about, until it is answered
local shared = setmetatable({}, {__mode = "v"})  -- lists that many entries have in common

local function turn(now)
  old, young, count, turned = young, {}, 0, now
end

local function keep(key, entry, now)
  if young[key] == nil then
    if count >= MOST_ENTRIES / 2 then turn(now) end
    count = count + 1
  end
  young[key] = entry
end

local function find(key, place, now)
  if now - turned > KEPT_UNUSED or now < turned then turn(now) end
  local entry = young[key]
  if entry == nil then
    entry = old[key]
    if entry == nil then return nil end
    keep(key, entry, now)
  end
  -- A clock that was put back must not lengthen anything.
  if entry.form ~= place.form or now < entry.since or now >= entry.ends then return nil end
  return entry
end

-- The place is told by the route's metadata, by which authsvc goes as well: no name, no place.
local function place_of(metadata)
  local route, service = metadata:get("route"), metadata:get("service") or ""
  if type(route) ~= "string" or route == "" or type(service) ~= "string" then return nil end
  local services = places[route]
  if services == nil then
    services = {}
    places[route] = services
  end
  local place = services[service]
  if place == nil then
    places_made = places_made + 1
    place = {route = route, service = service, prefix = places_made .. "\0"}
    services[service] = place
  end
  return place
end

local function unquote(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

-- Decoding all of the query finds every spelling of a name, and at worst one that is none.
local function names_one(path, names)
  local start = path:find("?", 1, true)
  if start == nil then return false end
  local query = "&" .. unquote(path:sub(start + 1)) .. "&"
  for i = 1, #names do
    local name = "&" .. names[i]
    if query:find(name .. "=", 1, true) or query:find(name .. "&", 1, true) then return true end
  end
  return false
end

-- Returns by what the answer is found, or nil: it may depend on more than that.
local function key_of(headers, place)
  local form, value = place.form, nil
  for i = 1, #form.names do
    local one = headers:get(form.names[i])
    if one ~= nil then
      if value ~= nil then return nil end
      value = one
    end
  end
  -- Envoy joins the values of several headers with commas.
  if value == nil or value == "" or #value > LONGEST_KEY or value:find(",", 1, true) then return nil end
  if headers:get(TRANSACTION_ID) ~= nil then return nil end
  local host = headers:get(":authority")
  if host == nil or #host > LONGEST_HOST then return nil end
  if not form.preflight and headers:get(":method") == "OPTIONS" then return nil end
  if form.hidden and names_one(headers:get(":path") or "", form.hidden) then return nil end
  return place.prefix .. host .. "\0" .. value, host
end

local random, random_at = "", 0

-- A random UUID of version 4, as authsvc makes them; nil where the system has no random bytes.
local function new_id()
  if random_at >= #random then
    local source = io.open("/dev/urandom", "rb")
    random = source and source:read(4096) or ""
    random_at = 0
    if source then source:close() end
    if #random ~= 4096 then
      random = ""
      return nil
    end
  end
  local a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p = random:byte(random_at + 1, random_at + 16)
  random_at = random_at + 16
  return ("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x"):format(
    a, b, c, d, e, f, g % 16 + 64, h, i % 64 + 128, j, k, l, m, n, o, p)
end

-- Does to a request what ext_authz would do to it.
local function give(headers, metadata, entry)
  local id
  if entry.form.ids then
    id = new_id()
    if id == nil then return false end
  end
  local said, set, removed = entry.said, entry.set, entry.removed
  for i = 1, #said, 2 do metadata:set(VERDICT, said[i], said[i + 1]) end
  if id then metadata:set(VERDICT, "transaction_id", id) end
  for i = 1, #set, 2 do headers:replace(set[i], set[i + 1]) end
  if id then headers:replace(TRANSACTION_ID, id) end
  for i = 1, #removed do headers:remove(removed[i]) end
  if id then metadata:set(OWN, "id", id) end
  metadata:set(OWN, "hit", true)
  return true
end

function envoy_on_request(handle)
  local metadata = handle:streamInfo():dynamicMetadata()
  -- Envoy may send one request on to another place: what was found for the first is not for that.
  if metadata:get(OWN) ~= nil then metadata:set(OWN, "hit", false) end
  local place = place_of(handle:metadata())
  if place == nil or place.form == nil then return end
  local headers = handle:headers()
  local key, host = key_of(headers, place)
  if key == nil then return end
  local now = handle:timestamp()
  local entry = find(key, place, now)
  if entry ~= nil and give(headers, metadata, entry) then return end
  serial = serial + 1
  pending[serial % MOST_PENDING] = {
    serial = serial, place = place, form = place.form, key = key, host = host, since = now}
  metadata:set(OWN, "asked", serial)
end

local function list(text)
  local members = {}
  for member in text:gmatch("[^,]+") do members[#members + 1] = member end
  return members
end

-- Returns the headers to take off a request. Those with an underscore are not there to be taken off
-- where Envoy drops them all.
local function removed_of(text)
  local names = shared[text]
  if names == nil then
    names = {}
    for _, name in ipairs(list(text)) do
      if not (NO_UNDERSCORES and name:find("_", 1, true)) then names[#names + 1] = name end
    end
    for _, name in ipairs(ALSO_REMOVED) do names[#names + 1] = name end
    shared[text] = names
  end
  return names
end

-- Returns the fields of a part of a lease by name, and in their order name by name and value.
local function fields(text)
  local found, ordered = {}, {}
  for name, value in text:gmatch("([^&=]+)=([^&]*)") do
    found[name] = unquote(value)
    ordered[#ordered + 1] = name
    ordered[#ordered + 1] = found[name]
  end
  return found, ordered
end

local function form_of(text)
  local told = fields(text)
  return {
    text = text, names = list(told.names or ""), hidden = told.hidden ~= "" and list(told.hidden),
    preflight = told.preflight == "1", ids = told.ids == "1"}
end

local function entry_of(asked, permission, said)
  local told, ordered = fields(permission)
  local lasts = math.min(tonumber(told.ttl) or 0, LONGEST_TTL) * 1000
  local entry = {
    form = asked.form, since = asked.since, ends = asked.since + lasts,
    said = {}, set = {}, removed = removed_of(told.remove or "")}
  local own_end = tonumber(told["until"])
  if own_end ~= nil then entry.ends = math.min(entry.ends, own_end * 1000) end
  for i = 1, #ordered, 2 do
    if ordered[i]:sub(1, 4) == "set." then
      entry.set[#entry.set + 1] = ordered[i]:sub(5)
      entry.set[#entry.set + 1] = ordered[i + 1]
    end
  end
  for name, value in pairs(said) do
    if name ~= LEASE and name ~= "transaction_id" and name ~= "ext_authz_duration" then
      entry.said[#entry.said + 1] = name
      entry.said[#entry.said + 1] = value
    end
  end
  return entry
end

-- Takes in what authsvc said of a request. It must be of the very place and host that the entry is
-- found by: what authsvc takes for the route decides, not what is here.
local function learn(place, asked, said, lease, now)
  if said.result ~= "allow" or said.reason ~= "key" then return end
  if said.route ~= place.route or (said.service or "") ~= place.service then return end
  local form, permission = lease:match("^([^|]*)|([^|]*)$")
  if form == nil then return end
  if place.form == nil or place.form.text ~= form then place.form = form_of(form) end
  if asked == nil or asked.form ~= place.form or said.authority ~= asked.host then return end
  local entry = entry_of(asked, permission, said)
  if now >= asked.since and now < entry.ends then keep(asked.key, entry, now) end
end

-- Returns what was asked about by its number, once.
local function take(number)
  local asked = number and pending[number % MOST_PENDING]
  if asked == nil or asked.serial ~= number then return nil end
  pending[number % MOST_PENDING] = nil
  return asked
end

function envoy_on_response(handle)
  local metadata = handle:streamInfo():dynamicMetadata()
  local own = metadata:get(OWN) or {}
  if own.hit then
    if own.id then handle:headers():replace(TRANSACTION_ID, own.id) end
    return
  end
  local asked = take(own.asked)
  local said = metadata:get(VERDICT)
  local lease = said and said[LEASE]
  if type(lease) ~= "string" then return end
  metadata:set(VERDICT, LEASE, nil)  -- not for the log
  local place = place_of(handle:metadata())
  if place == nil or (asked and asked.place ~= place) then return end
  learn(place, asked, said, lease, handle:timestamp())
end
